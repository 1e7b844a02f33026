#include "replay/verify/numbers.h"

/* Where a run begins, and each producer's last number. */
#define EDGES "before IS DISTINCT FROM sequence - 1 OR after IS NULL"

static const struct postgres_statement all_statement = {
    "replay_numbers",
    "SELECT producer_id, sequence, before, after IS NULL FROM"
    " (SELECT producer_id, sequence, lag(sequence) OVER run AS before, lead(sequence) OVER run AS after"
    "  FROM taskledger.task_event WINDOW run AS (PARTITION BY producer_id ORDER BY sequence)) AS number"
    " WHERE " EDGES " ORDER BY producer_id, sequence"};

static const struct postgres_statement part_statement = {
    "replay_numbers_part",
    PART_WITH_PRODUCERS " SELECT part.producer_id, sequence, before, after IS NULL FROM part CROSS JOIN LATERAL"
                        " (SELECT e.sequence, lag(e.sequence) OVER run AS before, lead(e.sequence) OVER run AS after"
                        "  FROM taskledger.task_event AS e WHERE e.producer_id = part.producer_id"
                        "  WINDOW run AS (ORDER BY e.sequence) ORDER BY e.sequence) AS number WHERE " EDGES};

static const struct postgres_statement one_statement = {
    "replay_numbers_one", "SELECT $1::uuid, sequence, before, after IS NULL FROM"
                          " (SELECT sequence, lag(sequence) OVER run AS before, lead(sequence) OVER run AS after"
                          "  FROM taskledger.task_event WHERE producer_id = $1::uuid WINDOW run AS (ORDER BY sequence))"
                          " AS number WHERE " EDGES " ORDER BY sequence"};

/* ---- along the runs --------------------------------------------------------------------------------------------- */

static bool begin_run(struct numbers *numbers, uint64_t sequence, struct error *error)
{
    struct chain *chain = &numbers->producers.chain;

    bool is_found = false;

    numbers->run_first = sequence;
    if (sequence > chain->last_sequence + 1 && !crossing_to(&numbers->crossing, chain, sequence, &is_found, error))
        return false;
    if (!is_found && sequence > chain->last_sequence + 1)
        chain_held(chain, sequence, NULL, 0);
    chain_run(chain, sequence);
    return true;
}

static void end_run(struct numbers *numbers, uint64_t last)
{
    chain_run(&numbers->producers.chain, last);
    numbers->events += last - numbers->run_first + 1;
    console_progress_tell(numbers->progress, "numbers", numbers->events, numbers->expected_events);
}

/* The books tell an end before the last number. An adopter may have known no better; a producer's own word counts. */
static bool check_end(struct numbers *numbers, uint64_t last, struct error *error)
{
    const struct producers_book *book = &numbers->producers.book;
    struct chain *chain = &numbers->producers.chain;
    AUTO_POSTGRES_RESULT result = NULL;
    struct redacted redacted;
    struct error why = {.kind = ERROR_NONE};
    struct event event;

    if (!book->is_closed || book->end == 0 || book->end >= last)
        return true;
    if (!crossing_query(&numbers->crossing, &chain->producer_id, book->end, book->end, &result, error))
        return false;
    const struct crossing_event end = crossing_find(result, book->end);
    if (end.is_there &&
        crossing_decode(&numbers->crossing, &end, &chain->producer_id, book->end, &redacted, &event, &why) &&
        event.body == EVENT_PRODUCER_CLOSED) {
        const struct chain_finding beyond = {
            .kind = CHAIN_BEYOND_END, .producer_id = chain->producer_id, .first = last, .last = book->end};
        return numbers->tell(numbers->self, &beyond, error);
    }
    if (why.kind != ERROR_NONE)
        *error = why;
    return why.kind == ERROR_NONE;
}

static bool visit(void *self, const struct postgres_row *row, struct error *error)
{
    struct numbers *numbers = self;
    struct slice value = {.data = NULL};

    postgres_row_value(row, 0, &value);
    const struct uuid producer_id = postgres_read_uuid(value);
    postgres_row_value(row, 1, &value);
    uint64_t sequence = (uint64_t)postgres_read_int64(value);
    uint64_t before = postgres_row_value(row, 2, &value) ? (uint64_t)postgres_read_int64(value) : 0;
    bool is_last = postgres_row_value(row, 3, &value) && postgres_read_boolean(value);
    bool is_first = before == 0 || before != sequence - 1;

    if (before != 0 && is_first)
        end_run(numbers, before);
    if (is_first && (!producers_come_to(&numbers->producers, &producer_id, sequence, error) ||
                     !begin_run(numbers, sequence, error)))
        return false;
    if (is_last)
        end_run(numbers, sequence);
    if (numbers->failed)
        *error = numbers->why;
    return !numbers->failed && (!is_last || check_end(numbers, sequence, error));
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

/* A chain of runs does not know when its last number came. */
static bool tell_with_time(struct numbers *numbers, const struct chain_finding *told, struct error *error)
{
    struct chain_finding finding = *told;
    AUTO_POSTGRES_RESULT result = NULL;

    if (told->kind == CHAIN_TAIL && told->first > 1) {
        if (!crossing_query(&numbers->crossing, &told->producer_id, told->first - 1, told->first - 1, &result, error))
            return false;
        int64_t recorded_at_us = crossing_find(result, told->first - 1).recorded_at_us;
        if (recorded_at_us > finding.noticed_at_us)
            finding.noticed_at_us = recorded_at_us;
    }
    return numbers->tell(numbers->self, &finding, error);
}

static void tell(void *self, const struct chain_finding *told)
{
    struct numbers *numbers = self;

    numbers->failed = numbers->failed || !tell_with_time(numbers, told, &numbers->why);
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

static bool stream(struct numbers *numbers, struct error *error)
{
    struct postgres *postgres = numbers->ledger->main;

    if (numbers->only != NULL) {
        const struct postgres_parameter one = {.value = slice_of(numbers->only->bytes, UUID_BYTES)};
        return postgres_stream(postgres, &one_statement, &one, 1, visit, numbers, error);
    }
    if (part_is_all(numbers->part))
        return postgres_stream(postgres, &all_statement, NULL, 0, visit, numbers, error);
    return postgres_stream(postgres, &part_statement, numbers->part->parameters, PART_PARAMETERS, visit, numbers,
                           error);
}

bool numbers_walk(struct numbers *numbers, struct error *error)
{
    numbers->crossing = (struct crossing){.postgres = numbers->ledger->side, .digester = digester_new()};
    if (numbers->crossing.digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    numbers->producers.chain.tell = tell;
    numbers->producers.chain.self = numbers;
    bool good = producers_open(&numbers->producers, numbers->ledger->side, numbers->part, error) &&
                stream(numbers, error) && producers_end(&numbers->producers, error);
    if (good && numbers->failed) {
        *error = numbers->why;
        good = false;
    }
    producers_close(&numbers->producers);
    digester_free(numbers->crossing.digester);
    return good;
}
