/* seal: what the ledger holds is written down. */
#include "replay/command.h"
#include "replay/console.h"
#include "replay/ledger.h"
#include "replay/seal/seal_scan.h"
#include "replay/seal/seal_writer.h"
#include "replay/seal/segments.h"

#include <assert.h>
#include <inttypes.h>

enum { SECOND_US = 1000000 };

/* A seal that is being made. */
struct sealing {
    const struct clock *clock;
    struct ledger ledger;
    struct signature_key *key; /* NULL: it is not signed */
    struct seal_writer writer;
    struct digester *digester;
    struct segments segments;
    struct seal_scan scan;
    struct console_progress progress;
    int64_t took_us;
    struct error why; /* a segment could not be written */
};

/* ---- the answer -------------------------------------------------------------------------------------------------- */

static const struct column seal_columns[] = {
    {"file", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"ledger", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"snapshot", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"sealed_at", "sealed", COLUMN_TIME, COLUMN_CELL},
    {"producers", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"segments", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"events", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"unsealed", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"holes", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"breaks", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"key_id", "key", COLUMN_TEXT, COLUMN_CELL},
    {"elapsed_us", "took", COLUMN_DURATION, COLUMN_CELL},
    {"events_per_second", "events/s", COLUMN_INTEGER, COLUMN_CELL},
};

static const struct section seal_section = {
    .name = "seal",
    .item = "seal",
    .is_main = true,
    .columns = seal_columns,
    .count = sizeof seal_columns / sizeof *seal_columns,
};

static void write_answer(const struct sealing *sealing, const char *path, struct output *output)
{
    const struct seal_totals *totals = &sealing->writer.totals;
    int64_t took_us = sealing->took_us > 0 ? sealing->took_us : 1;
    char key_id[DIGEST_HEX_BYTES] = "";

    if (sealing->key != NULL)
        digest_format(signature_key_id(sealing->key), key_id);
    const struct value values[] = {
        value_words(path),
        value_words(postgres_address(sealing->ledger.main)),
        value_words(sealing->ledger.snapshot),
        value_time(sealing->ledger.now_us),
        value_unsigned(totals->producers),
        value_unsigned(totals->segments),
        value_unsigned(totals->events),
        value_unsigned(sealing->segments.unknown),
        value_unsigned(sealing->scan.holes),
        value_unsigned(sealing->scan.breaks),
        value_words(key_id),
        value_integer(took_us),
        value_integer((int64_t)((double)totals->events * SECOND_US / (double)took_us)),
    };
    static_assert(sizeof values / sizeof *values == sizeof seal_columns / sizeof *seal_columns, "a value a column");
    output_begin(output, &seal_section);
    output_row(output, values);
    output_end(output);
}

static void say_what_next(const struct sealing *sealing, const char *path)
{
    if (sealing->scan.breaks > 0)
        console_say("%" PRIu64 " events do not follow from the one before: they are sealed as they are; see "
                    "taskledger-replay verify",
                    sealing->scan.breaks);
    if (sealing->key == NULL)
        console_say("the seal is not signed (--key): whoever can write to where it is kept can make another");
    console_say("keep %s where nobody who can change the ledger can change it; taskledger-replay verify --seal %s",
                path, path);
}

/* ---- making it --------------------------------------------------------------------------------------------------- */

static void write_segment(void *self, const struct seal_segment *segment)
{
    struct sealing *sealing = self;

    if (sealing->why.kind == ERROR_NONE)
        seal_writer_put(&sealing->writer, segment, &sealing->why);
}

static bool scan(struct sealing *sealing, struct error *error)
{
    int64_t started_us = sealing->clock->monotonic_us(sealing->clock->self);

    sealing->segments = (struct segments){.tell = write_segment, .self = sealing, .digester = sealing->digester};
    sealing->scan = (struct seal_scan){
        .ledger = &sealing->ledger,
        .listener = {.step = segments_step, .self = &sealing->segments},
        .progress = &sealing->progress,
    };
    bool good = ledger_begin_twice(&sealing->ledger, error) &&
                ledger_estimate(&sealing->ledger, &sealing->scan.expected_events, error) &&
                seal_writer_begin(&sealing->writer, sealing->ledger.now_us, sealing->ledger.snapshot, error) &&
                seal_scan_run(&sealing->scan, error);
    console_progress_end(&sealing->progress);
    if (!good)
        return false;
    segments_end(&sealing->segments);
    sealing->took_us = sealing->clock->monotonic_us(sealing->clock->self) - started_us;
    if (sealing->why.kind == ERROR_NONE)
        return true;
    *error = sealing->why;
    return false;
}

static bool make(struct sealing *sealing, struct error *error)
{
    if (!scan(sealing, error))
        return false;
    if (sealing->writer.totals.segments == 0)
        return error_set(error, ERROR_FATAL, "config", "there is nothing to seal: %s holds no event",
                         postgres_address(sealing->ledger.main));
    return seal_writer_finish(&sealing->writer, sealing->key, error);
}

/* All that can be wrong at once is told at once, before the ledger is read. */
static bool prepare(struct sealing *sealing, const struct settings *settings, const char *path, struct error *error)
{
    sealing->digester = digester_new();
    if (sealing->digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    if (settings->key != NULL) {
        sealing->key = signature_private_key(settings->key, error);
        if (sealing->key == NULL)
            return false;
    }
    return seal_writer_open(&sealing->writer, path, error) &&
           ledger_open(&sealing->ledger, settings->database_url, sealing->clock, error);
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct sealing sealing = {.clock = replay->clock};
    const char *path = arguments[0];

    console_on_interrupt("nothing was sealed; run it again");
    console_progress_start(&sealing.progress, replay->clock);
    bool good = prepare(&sealing, replay->settings, path, error) && make(&sealing, error);
    console_on_interrupt(NULL);
    if (good) {
        write_answer(&sealing, path, replay->output);
        say_what_next(&sealing, path);
        *exit = EXIT_OK;
    }

    ledger_close(&sealing.ledger);
    seal_writer_close(&sealing.writer);
    signature_key_free(sealing.key);
    digester_free(sealing.digester);
    return good;
}

static const char *const flags[] = {"--key", NULL};

const struct command seal_command = {
    .name = "seal",
    .arguments = "FILE",
    .argument_min = 1,
    .argument_max = 1,
    .summary = "write down what the ledger holds, to prove it later",
    .description =
        "Writes a small text to FILE, which must not be there yet: for every producer the unbroken runs of its "
        "events,\n"
        "each with a digest of all of them. Kept elsewhere, it proves later that nothing of what was sealed was "
        "changed,\n"
        "removed, inserted or cut off: taskledger-replay verify --seal FILE. It proves nothing about what came before\n"
        "sealing or after it, nor when and where an event was recorded. With a key it is signed:\n"
        "\n"
        "  openssl genpkey -algorithm ed25519 -out seal.key\n"
        "  openssl pkey -in seal.key -pubout -out seal.pub\n"
        "\n"
        "Exit codes: 0 sealed, 2 FILE or key cannot be used, or there is nothing to seal, 3 PostgreSQL cannot be\n"
        "reached, 4 FILE could not be written.\n",
    .example = "taskledger-replay seal --key seal.key /safe/ledger.seal\n",
    .flags = flags,
    .run = run,
};
