#include "producer/emit/stats.h"

#include "producer/emit/console.h"
#include "producer/emit/stats_page.h"
#include "producer/spool/glance.h"
#include "producer/spool/spool.h"
#include "proto/clock.h"
#include "proto/exit_code.h"
#include "proto/json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PID_BYTES_MAX = 21 };

/* One producer, as it is shown. */
struct shown {
    const char *name;
    struct glance glance;
    struct glance_events events;
    uint64_t oldest_age_s; /* of the oldest that Redis does not have, or of the oldest that is left */
};

struct total {
    uint64_t producers;
    uint64_t alive;
    uint64_t bytes;
    uint64_t damaged;
    uint64_t abandoned; /* events of those who are gone */
    struct taskledger_counters counters;
};

enum stats_format { STATS_TABLE, STATS_JSON, STATS_PROMETHEUS };

struct stats_command {
    const char *directory;
    enum stats_format format;
    struct json_writer json; /* of STATS_JSON */
    struct stats_page page;  /* of STATS_PROMETHEUS */
    bool memory_short;
    struct total total;
};

/* ---- what is shown of each --------------------------------------------------------------------------------------- */

#define COLUMN(name)                                       \
    {                                                      \
#name, offsetof(struct taskledger_counters, name), \
    }

static const struct column {
    const char *name;
    size_t offset;
} columns[] = {
    COLUMN(accepted),  COLUMN(sent),         COLUMN(queued),     COLUMN(spooled),
    COLUMN(confirmed), COLUMN(dropped_full), COLUMN(unspooled),  COLUMN(unprotected),
    COLUMN(resent),    COLUMN(adopted),      COLUMN(spool_lost), COLUMN(adopted_damaged),
};

enum { COLUMNS = sizeof columns / sizeof *columns };

static uint64_t value_of(const struct taskledger_counters *counters, size_t column)
{
    uint64_t value;

    memcpy(&value, (const char *)counters + columns[column].offset, sizeof value);
    return value;
}

static void add_to(struct taskledger_counters *sum, const struct taskledger_counters *counters)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        uint64_t value = value_of(sum, i) + value_of(counters, i);

        memcpy((char *)sum + columns[i].offset, &value, sizeof value);
    }
}

static uint64_t age_s(uint64_t at_us)
{
    int64_t now_us = clock_system()->unix_us(NULL);

    return at_us == 0 || now_us < 0 || (uint64_t)now_us < at_us ? 0 : ((uint64_t)now_us - at_us) / 1000000;
}

/* ---- for people -------------------------------------------------------------------------------------------------- */

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void print_counters(const struct taskledger_counters *counters)
{
    for (size_t i = 0; i < COLUMNS; i++)
        printf("%s%s %" PRIu64,
               i == 0             ? "  "
               : i == COLUMNS / 2 ? "\n  "
                                  : "  ",
               columns[i].name, value_of(counters, i));
    printf("\n");
}

/* A worker that nobody named is HOST:PID, which tells both. */
static void print_who(const struct stats *stats)
{
    const char *colon = strrchr(stats->worker, ':');
    char pid[PID_BYTES_MAX];

    snprintf(pid, sizeof pid, "%" PRIu64, stats->pid);
    if (colon == NULL || strcmp(colon + 1, pid) != 0)
        printf("  pid %s", pid);
    console_print("  ", slice_from_text(stats->worker));
}

static void print_table(const struct shown *shown)
{
    const struct glance *glance = &shown->glance;

    printf("%s  %s", shown->name, glance->is_held ? "alive" : "gone");
    if (glance->has_stats)
        print_who(&glance->stats);
    printf("\n");
    if (glance->has_stats)
        print_counters(&glance->stats.counters);
    printf("  %" PRIu64 " bytes in %" PRIu64 " segment%s, %" PRIu64 " damaged", glance->bytes, glance->segments,
           plural(glance->segments), glance->damaged);
    if (!glance->is_held)
        printf("; %" PRIu64 " event%s left behind", shown->events.count, plural(shown->events.count));
    if (shown->oldest_age_s > 0)
        printf("; the oldest is %" PRIu64 " s old", shown->oldest_age_s);
    console_print("\n  last error: ", slice_from_text(glance->stats.counters.last_error));
    console_print("\n  spool: ", slice_from_text(glance->stats.counters.spool_error));
    printf("\n\n");
}

/* Where it was looked: a wrong folder is as empty as one that nobody uses. */
static void print_total(const char *directory, const struct total *total)
{
    printf("%" PRIu64 " producer%s, %" PRIu64 " alive; %" PRIu64 " bytes, %" PRIu64 " damaged segment%s, %" PRIu64
           " event%s left behind %s%s\n",
           total->producers, plural(total->producers), total->alive, total->bytes, total->damaged,
           plural(total->damaged), total->abandoned, plural(total->abandoned),
           access(directory, F_OK) == 0 ? "in " : "as there is no folder ", directory);
    if (total->producers > 0)
        print_counters(&total->counters);
}

/* ---- for programs ------------------------------------------------------------------------------------------------ */

static void write_number(struct json_writer *json, const char *key, uint64_t value)
{
    json_writer_key(json, key);
    json_writer_unsigned(json, value);
}

static void write_text(struct json_writer *json, const char *key, const char *text)
{
    json_writer_key(json, key);
    json_writer_text(json, text);
}

static void write_counters(struct json_writer *json, const struct taskledger_counters *counters)
{
    for (size_t i = 0; i < COLUMNS; i++)
        write_number(json, columns[i].name, value_of(counters, i));
}

static void write_stats(struct json_writer *json, const struct stats *stats)
{
    write_number(json, "pid", stats->pid);
    write_text(json, "worker", stats->worker);
    write_text(json, "identity", stats->counters.producer_id);
    write_counters(json, &stats->counters);
    write_text(json, "last_error", stats->counters.last_error);
    write_text(json, "spool_error", stats->counters.spool_error);
}

static void write_shown(struct json_writer *json, const struct shown *shown)
{
    const struct glance *glance = &shown->glance;

    json_writer_object_begin(json);
    write_text(json, "producer_id", shown->name);
    json_writer_key(json, "alive");
    json_writer_boolean(json, glance->is_held);
    if (glance->has_stats)
        write_stats(json, &glance->stats);
    write_number(json, "bytes", glance->bytes);
    write_number(json, "segments", glance->segments);
    write_number(json, "damaged", glance->damaged);
    write_number(json, "left_behind", shown->events.count);
    write_number(json, "oldest_age_seconds", shown->oldest_age_s);
    json_writer_object_end(json);
}

static void write_total(struct json_writer *json, const struct total *total)
{
    json_writer_key(json, "total");
    json_writer_object_begin(json);
    write_number(json, "producers", total->producers);
    write_number(json, "alive", total->alive);
    write_counters(json, &total->counters);
    write_number(json, "bytes", total->bytes);
    write_number(json, "damaged", total->damaged);
    write_number(json, "left_behind", total->abandoned);
    json_writer_object_end(json);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static void add_total(struct total *total, const struct shown *shown)
{
    total->producers++;
    total->alive += shown->glance.is_held;
    total->bytes += shown->glance.bytes;
    total->damaged += shown->glance.damaged;
    total->abandoned += shown->events.count;
    add_to(&total->counters, &shown->glance.stats.counters);
}

/* One that is gone meanwhile is not shown; one that cannot be read is told of. */
static bool show(void *self, const char *name)
{
    struct stats_command *command = self;
    struct shown shown = {.name = name};
    struct error error;

    bool seen = glance_take(command->directory, name, &shown.glance, &error);
    if (seen && !shown.glance.is_held)
        seen = glance_count(command->directory, name, NULL, &shown.events, &error);
    if (!seen) {
        console_say("%s", error.text);
        return true;
    }
    shown.oldest_age_s =
        age_s(shown.glance.is_held ? shown.glance.stats.oldest_unsent_at_us : shown.events.oldest_at_us);
    add_total(&command->total, &shown);
    switch (command->format) {
    case STATS_TABLE:
        print_table(&shown);
        break;
    case STATS_JSON:
        write_shown(&command->json, &shown);
        break;
    case STATS_PROMETHEUS:
        command->memory_short = !stats_page_add(&command->page, name, &shown.glance, &shown.events);
        break;
    }
    return !command->memory_short;
}

static void print_json(struct stats_command *command)
{
    json_writer_array_end(&command->json);
    write_total(&command->json, &command->total);
    write_text(&command->json, "spool_dir", command->directory);
    json_writer_object_end(&command->json);
    if (!command->json.failed)
        printf("%s\n", command->json.text);
}

static enum stats_format read_format(const char *word)
{
    if (strcmp(word, "json") == 0)
        return STATS_JSON;
    return strcmp(word, "prometheus") == 0 ? STATS_PROMETHEUS : STATS_TABLE;
}

static void begin(struct stats_command *command)
{
    command->page.folder.seen_at_us = (uint64_t)clock_system()->unix_us(NULL);
    if (command->format != STATS_JSON)
        return;
    json_writer_object_begin(&command->json);
    json_writer_key(&command->json, "producers");
    json_writer_array_begin(&command->json);
}

static bool run(struct stats_command *command, const struct configuration *configuration, int count,
                struct error *error)
{
    if (count != 0)
        return error_set(error, ERROR_FATAL, "usage", "expected no words, found %d", count);
    if (!configuration_spool_dir(configuration, &command->directory, error))
        return false;

    command->format = read_format(configuration->format);
    begin(command);
    if (!spool_list(command->directory, show, command, error))
        return false;
    return !command->memory_short || error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for the page");
}

static void end(struct stats_command *command)
{
    switch (command->format) {
    case STATS_TABLE:
        print_total(command->directory, &command->total);
        break;
    case STATS_JSON:
        print_json(command);
        break;
    case STATS_PROMETHEUS:
        stats_page_print(&command->page, command->directory, stdout);
        break;
    }
}

static void close_all(struct stats_command *command)
{
    json_writer_close(&command->json);
    stats_page_close(&command->page);
}

int stats_execute(const struct configuration *configuration, int count, char **words)
{
    struct stats_command command = {.directory = ""};
    struct error error = {.kind = ERROR_NONE};

    (void)words;
    if (!run(&command, configuration, count, &error)) {
        console_complain("stats", &error);
        close_all(&command);
        return error.kind == ERROR_FATAL ? EXIT_USAGE : EXIT_INCOMPLETE;
    }
    end(&command);
    close_all(&command);
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_INCOMPLETE;
}
