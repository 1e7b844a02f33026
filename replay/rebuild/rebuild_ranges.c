#include "replay/rebuild/rebuild_ranges.h"

#include "replay/ledger.h"

#include <arpa/inet.h>
#include <stdlib.h>

enum { SAMPLED_EVENTS = 30000, EVENTS_MIN = 500 };

int rebuild_ranges_wanted(uint64_t events, int64_t jobs)
{
    uint64_t by_size = events / RANGE_EVENTS + 1;
    uint64_t by_jobs = (uint64_t)jobs;
    uint64_t most = events / EVENTS_MIN + 1;
    uint64_t wanted = by_size > by_jobs ? by_size : by_jobs;

    if (wanted > most)
        wanted = most;
    return wanted > RANGES_MAX ? RANGES_MAX : (int)wanted;
}

/* ---- choosing --------------------------------------------------------------------------------------------------- */

static const struct postgres_statement choose_statement = {
    "range_choose",
    "INSERT INTO taskledger.rebuild_range (rebuild_id, number, first_task_id, before_task_id)"
    " SELECT $1::bigint, row_number() OVER (ORDER BY bound COLLATE \"C\"), bound,"
    " lead(bound) OVER (ORDER BY bound COLLATE \"C\")"
    " FROM (SELECT '' COLLATE \"C\" UNION SELECT unnest(percentile_disc((SELECT array_agg(i / $2::int8::float8)"
    " FROM generate_series(1, $2::int8 - 1) AS i)) WITHIN GROUP (ORDER BY task_id)) COLLATE \"C\""
    " FROM taskledger.task_event TABLESAMPLE SYSTEM ($3::float8) WHERE task_id IS NOT NULL) AS bounds (bound)"
    " WHERE bound IS NOT NULL"};

bool rebuild_ranges_choose(struct postgres *postgres, const struct run *run, uint64_t events, int64_t jobs,
                           struct error *error)
{
    double percent = events <= SAMPLED_EVENTS ? 100 : 100.0 * SAMPLED_EVENTS / (double)events;
    uint8_t id[8], count[8], sample[8];
    uint64_t bits;

    memcpy(&bits, &percent, sizeof bits);
    const struct postgres_parameter parameters[] = {
        {.value = ledger_bigint((uint64_t)run->id, id)},
        {.value = ledger_bigint((uint64_t)rebuild_ranges_wanted(events, jobs), count)},
        {.value = ledger_bigint(bits, sample)},
    };
    return postgres_query(postgres, &choose_statement, parameters, 3, NULL, error);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static const struct postgres_statement read_statements[] = {
    [RANGES_TO_LOAD] = {"range_to_load", "SELECT number, first_task_id, before_task_id FROM taskledger.rebuild_range"
                                         " WHERE rebuild_id = $1::bigint AND loaded_at IS NULL ORDER BY number"},
    [RANGES_TO_VERIFY] = {"range_to_verify",
                          "SELECT number, first_task_id, before_task_id FROM taskledger.rebuild_range"
                          " WHERE rebuild_id = $1::bigint AND verified_at IS NULL ORDER BY number"},
};

static void copy_id(struct slice from, uint8_t to[EVENT_TASK_ID_BYTES_MAX], size_t *size)
{
    *size = from.size < EVENT_TASK_ID_BYTES_MAX ? from.size : EVENT_TASK_ID_BYTES_MAX;
    if (*size > 0)
        memcpy(to, from.data, *size);
}

static void read_range(const struct postgres_result *result, size_t row, struct range *range)
{
    struct slice number, first, before;

    postgres_value(result, row, 0, &number);
    postgres_value(result, row, 1, &first);
    range->number = postgres_read_int32(number);
    copy_id(first, range->first, &range->first_size);
    range->has_before = postgres_value(result, row, 2, &before);
    if (range->has_before)
        copy_id(before, range->before, &range->before_size);
}

bool rebuild_ranges_read(struct postgres *postgres, const struct run *run, enum ranges_todo todo, struct ranges *ranges,
                         struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint8_t id[8];
    const struct postgres_parameter parameter = {.value = ledger_bigint((uint64_t)run->id, id)};

    if (!postgres_query(postgres, &read_statements[todo], &parameter, 1, &result, error))
        return false;
    size_t count = postgres_rows(result);
    struct range *range = calloc(count + 1, sizeof *range);
    if (range == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for %zu ranges", count);
    for (size_t i = 0; i < count; i++)
        read_range(result, i, &range[i]);
    *ranges = (struct ranges){.range = range, .count = count};
    return true;
}

void rebuild_ranges_close(struct ranges *ranges)
{
    free(ranges->range);
    *ranges = (struct ranges){.range = NULL};
}

/* ---- done ------------------------------------------------------------------------------------------------------- */

static const struct postgres_statement done_statements[] = {
    [RANGES_TO_LOAD] = {"range_loaded", "UPDATE taskledger.rebuild_range SET loaded_at = clock_timestamp(),"
                                        " events = $3::bigint, tasks = $4::bigint"
                                        " WHERE rebuild_id = $1::bigint AND number = $2::int"},
    [RANGES_TO_VERIFY] = {"range_verified", "UPDATE taskledger.rebuild_range SET verified_at = clock_timestamp(),"
                                            " events = $3::bigint, tasks = $4::bigint"
                                            " WHERE rebuild_id = $1::bigint AND number = $2::int"},
};

bool rebuild_ranges_done(struct postgres *postgres, const struct run *run, enum ranges_todo what,
                         const struct range *range, const struct range_counts *counts, struct error *error)
{
    uint8_t id[8], events[8], tasks[8];
    uint32_t number = htonl((uint32_t)range->number);
    const struct postgres_parameter parameters[] = {
        {.value = ledger_bigint((uint64_t)run->id, id)},
        {.value = slice_of(&number, sizeof number)},
        {.value = ledger_bigint(counts->events, events)},
        {.value = ledger_bigint(counts->tasks, tasks)},
    };

    return postgres_query(postgres, &done_statements[what], parameters, 4, NULL, error);
}
