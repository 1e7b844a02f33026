#include "producer/spool/stats.h"

#include "proto/arena.h"
#include "proto/decimal.h"
#include "proto/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER "taskledger stats 1\n"

/* ---- what is in it ----------------------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct stats, member)
#define COUNTER(name)                              \
    {                                              \
#name, AT(counters.name), sizeof(uint64_t) \
    }
#define TEXT(name, member)                                       \
    {                                                            \
        name, AT(member), sizeof(((struct stats *)NULL)->member) \
    }

struct row {
    const char *name;
    size_t offset;
    size_t size; /* of a text, with the NUL */
};

static const struct row numbers[] = {
    {"pid", AT(pid), sizeof(uint64_t)},
    {"written_at_us", AT(written_at_us), sizeof(uint64_t)},
    {"oldest_unsent_at_us", AT(oldest_unsent_at_us), sizeof(uint64_t)},
    COUNTER(accepted),
    COUNTER(sent),
    COUNTER(queued),
    COUNTER(retried),
    COUNTER(timed_out),
    COUNTER(refused),
    COUNTER(dropped_full),
    COUNTER(dropped_memory),
    COUNTER(rejected_invalid),
    COUNTER(rejected_too_big),
    COUNTER(cut),
    COUNTER(sent_bytes),
    COUNTER(queued_bytes),
    COUNTER(connects),
    COUNTER(spooled),
    COUNTER(spool_bytes),
    COUNTER(spool_bytes_max),
    COUNTER(spool_written),
    COUNTER(unspooled),
    COUNTER(unprotected),
    COUNTER(confirmed),
    COUNTER(resent),
    COUNTER(adopted),
    COUNTER(adopted_spools),
    COUNTER(spool_lost),
    COUNTER(adopted_damaged),
};

static const struct row texts[] = {
    TEXT("producer_id", counters.producer_id),
    TEXT("worker", worker),
    TEXT("last_error", counters.last_error),
    TEXT("spool_error", counters.spool_error),
};

enum { NUMBERS = sizeof numbers / sizeof *numbers, TEXTS = sizeof texts / sizeof *texts };

/* All of it, texts at four bytes for one, fits. */
_Static_assert(NUMBERS * 48 + 4 * (STATS_WORKER_BYTES_MAX + 3 * 256) + 256 <= STATS_BYTES_MAX, "the file is too small");

static uint64_t *number_in(struct stats *stats, const struct row *row)
{
    return (uint64_t *)(void *)((char *)stats + row->offset);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static size_t add_text(const struct row *row, const struct stats *stats, char *out, size_t room)
{
    alignas(max_align_t) uint8_t scratch[8 * STATS_WORKER_BYTES_MAX];
    struct arena arena;

    arena_init_with(&arena, scratch, sizeof scratch, sizeof scratch);
    struct slice harmless = text_escape(slice_from_text((const char *)stats + row->offset), &arena);
    int size = snprintf(out, room, "%s %.*s\n", row->name, SLICE_PRINT(harmless));
    arena_close(&arena);
    return (size_t)size;
}

size_t stats_format(const struct stats *stats, char text[STATS_BYTES_MAX])
{
    struct stats copy = *stats;
    size_t size = (size_t)snprintf(text, STATS_BYTES_MAX, HEADER);

    for (size_t i = 0; i < NUMBERS; i++)
        size += (size_t)snprintf(text + size, STATS_BYTES_MAX - size, "%s %" PRIu64 "\n", numbers[i].name,
                                 *number_in(&copy, &numbers[i]));
    for (size_t i = 0; i < TEXTS; i++)
        size += add_text(&texts[i], stats, text + size, STATS_BYTES_MAX - size);
    return size;
}

static bool write_all(int file, const char *text, size_t size)
{
    return write(file, text, size) == (ssize_t)size;
}

bool stats_write(int folder, const struct stats *stats, struct error *error)
{
    char text[STATS_BYTES_MAX];
    size_t size = stats_format(stats, text);
    int file = openat(folder, STATS_NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (file < 0)
        return error_set_errno(error, ERROR_TRANSIENT, "disk", "could not open %s", STATS_NEW_FILE);
    bool written = write_all(file, text, size);
    if (!written)
        error_set_errno(error, ERROR_TRANSIENT, "disk", "could not write %s", STATS_NEW_FILE);
    close(file);
    if (!written)
        return false;
    return renameat(folder, STATS_NEW_FILE, folder, STATS_FILE) == 0 ||
           error_set_errno(error, ERROR_TRANSIENT, "disk", "could not rename %s", STATS_NEW_FILE);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void take_line(struct slice name, struct slice value, struct stats *stats)
{
    for (size_t i = 0; i < NUMBERS; i++)
        if (slice_equal(name, slice_from_text(numbers[i].name)))
            (void)decimal_read(value, UINT64_MAX, number_in(stats, &numbers[i]));
    for (size_t i = 0; i < TEXTS; i++)
        if (slice_equal(name, slice_from_text(texts[i].name)))
            snprintf((char *)stats + texts[i].offset, texts[i].size, "%.*s", SLICE_PRINT(value));
}

/* Takes what comes before the next `border`, or everything, off the front. */
static struct slice take_until(struct slice *text, char border)
{
    const uint8_t *end = text->size == 0 ? NULL : memchr(text->data, border, text->size);
    struct slice taken = *text;

    if (end != NULL)
        taken.size = (size_t)(end - text->data);
    size_t passed = taken.size + (end != NULL);
    *text = slice_of(text->data + passed, text->size - passed);
    return taken;
}

bool stats_parse(struct slice text, struct stats *stats)
{
    const size_t header = strlen(HEADER);

    if (text.size < header || memcmp(text.data, HEADER, header) != 0)
        return false;
    *stats = (struct stats){.pid = 0};
    for (text = slice_of(text.data + header, text.size - header); text.size > 0;) {
        struct slice value = take_until(&text, '\n');
        struct slice name = take_until(&value, ' ');

        take_line(name, value, stats);
    }
    return true;
}

bool stats_read(int folder, struct stats *stats)
{
    char text[STATS_BYTES_MAX];
    struct stat status;
    int file = openat(folder, STATS_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (file < 0)
        return false;
    ssize_t size = fstat(file, &status) == 0 && S_ISREG(status.st_mode) ? read(file, text, sizeof text) : -1;
    close(file);
    return size > 0 && stats_parse(slice_of(text, (size_t)size), stats);
}
