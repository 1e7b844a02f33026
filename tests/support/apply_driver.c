/* apply_driver: entries from standard input through the pump into PostgreSQL.
 *
 *   apply_driver URL STREAM [SHARDS [TIMEOUT_MS]]
 *
 * Migrates, then reads records: state ('w'hole, 'd'eleted, 'm'alformed), shard, ms, sequence, true size, size (each
 * number 8 bytes, least significant first), then `size` bytes; a 'b' alone ends a batch. Prints what was counted, a
 * line each, and exits 0; or the error and 1 when something failed ATTEMPTS_MAX times or for good. */
#include "consumer/ledger/apply.h"
#include "consumer/ledger/schema.h"
#include "consumer/pump.h"
#include "tests/support/kind.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS_MAX = 20 };

struct input {
    struct entry entries[BATCH_ENTRIES_MAX];
    size_t count;
    struct arena arena;
    bool again; /* hand out the same batch once more */
    bool ended;
    int failures;
    volatile sig_atomic_t stop;
};

static uint64_t read_number(void)
{
    uint64_t number = 0;

    for (int i = 0; i < 8; i++)
        number |= (uint64_t)(uint8_t)getchar() << (8 * i);
    return number;
}

static enum entry_state state_of(int letter)
{
    return letter == 'w' ? ENTRY_WHOLE : letter == 'd' ? ENTRY_DELETED : ENTRY_MALFORMED;
}

static bool read_record(struct input *input, int letter)
{
    struct entry *entry = &input->entries[input->count++];

    *entry = (struct entry){.state = state_of(letter)};
    entry->shard = (unsigned)read_number();
    entry->id.ms = read_number();
    entry->id.sequence = read_number();
    entry->payload_bytes = read_number();
    size_t size = read_number();
    void *bytes = arena_take(&input->arena, size);
    entry->payload = slice_of(bytes, size);
    return bytes != NULL && fread(bytes, 1, size, stdin) == size;
}

static bool read_batch(void *self, struct batch *batch, struct error *error)
{
    struct input *input = self;
    int letter = 'b';

    if (!input->again) {
        arena_reset(&input->arena, BATCH_BYTES_MAX);
        input->count = 0;
        while (input->count < BATCH_ENTRIES_MAX && (letter = getchar()) != EOF && letter != 'b') {
            if (!read_record(input, letter))
                return error_set(error, ERROR_FATAL, "input", "cannot read a record");
        }
        input->ended = letter == EOF;
    }
    input->again = false;
    *batch = (struct batch){.entries = input->entries, .count = input->count};
    return true;
}

static bool settle(void *self, const struct batch *batch, struct error *error)
{
    (void)self;
    (void)batch;
    (void)error;
    return true;
}

static void rewind_input(void *self)
{
    ((struct input *)self)->again = true;
}

static void finish(void *self)
{
    ((struct input *)self)->ended = true;
}

static bool ended(void *self)
{
    const struct input *input = self;

    return input->ended && !input->again;
}

static void tell(void *observer, const struct error *error)
{
    struct input *input = observer;

    if (error == NULL) {
        input->failures = 0;
        return;
    }
    fprintf(stderr, "%s %s: %s\n", kind_name(error->kind), error->reason, error->text);
    if (++input->failures == ATTEMPTS_MAX)
        input->stop = 1;
}

/* Of this program alone: getrusage would tell the parent's before exec. */
static long peak_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *status = fopen("/proc/self/status", "r");

    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    }
    if (status != NULL)
        fclose(status);
    return kib;
}

static void print_counters(const struct apply_counters *counters, const struct pump_counters *pumped)
{
    printf("batches %" PRIu64 "\nlooked_up %" PRIu64 "\nevents %" PRIu64 "\nduplicates %" PRIu64 "\ndeleted %" PRIu64
           "\n",
           counters->batches, counters->looked_up, counters->events, counters->duplicates, counters->deleted);
    for (int reason = 0; reason < APPLY_REASONS; reason++)
        printf("%s %" PRIu64 "\n", apply_reason_names[reason], counters->rejected[reason]);
    printf("bisected %" PRIu64 "\ncondemned %" PRIu64 "\nretries %" PRIu64 "\n", pumped->bisected, pumped->condemned,
           pumped->retries);
    printf("rss_kib %ld\n", peak_kib());
}

static bool run(struct postgres *postgres, struct apply *apply, struct input *input, struct error *error)
{
    struct pump pump = {
        .source = {read_batch, settle, rewind_input, finish, ended, input},
        .sink = apply_sink(apply),
        .clock = clock_system(),
        .on_change = tell,
        .observer = input,
    };

    backoff_init(&pump.backoff, 1, 20, 1);
    if (!postgres_open(postgres, error) ||
        !schema_migrate(postgres, &(struct schema_options){.roles = true}, NULL, error) ||
        !pump_run(&pump, &input->stop, error))
        return false;
    print_counters(apply_counters(apply), &pump.counters);
    return true;
}

int main(int argc, char **argv)
{
    struct error error = {.kind = ERROR_NONE};
    struct input *input = calloc(1, sizeof *input);

    if (argc < 3 || input == NULL)
        return 2;
    const struct postgres_options session = {
        .url = argv[1],
        .application_name = "apply_driver",
        .statement_timeout_ms = argc > 4 ? atoi(argv[4]) : 0,
    };
    const struct apply_options options = {.stream = argv[2], .shards = argc > 3 ? (unsigned)atoi(argv[3]) : 1};

    struct postgres *postgres = postgres_new(&session, &error);
    struct apply *apply = postgres == NULL ? NULL : apply_new(postgres, &options, &error);
    bool good = apply != NULL && run(postgres, apply, input, &error);
    if (!good)
        fprintf(stderr, "%s %s: %s\n", kind_name(error.kind), error.reason, error.text);

    apply_free(apply);
    postgres_free(postgres);
    arena_close(&input->arena);
    good = good && !input->stop;
    free(input);
    return good ? 0 : 1;
}
