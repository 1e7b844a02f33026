#include "replay/rebuild/run.h"

#include "consumer/ledger/binary.h"

#include <arpa/inet.h>
#include <string.h>

static const char *const stage_names[RUN_STAGES] = {
    [RUN_PREPARE] = "prepare", [RUN_REPLAY] = "replay", [RUN_CATCH_UP] = "catch up", [RUN_VERIFY] = "verify",
    [RUN_SWAP] = "swap",       [RUN_DONE] = "done",     [RUN_ABORTED] = "aborted",
};

const char *run_stage_name(enum run_stage stage)
{
    return stage_names[stage];
}

const char *run_kind(const struct run *run)
{
    return run->is_rollback ? "rollback" : "rebuild";
}

/* ---- parameters ------------------------------------------------------------------------------------------------- */

struct numbers {
    uint64_t id;
    uint32_t turn;
};

static struct numbers numbers_of(const struct run *run)
{
    return (struct numbers){.id = htobe64((uint64_t)run->id), .turn = htonl((uint32_t)run->turn)};
}

static struct postgres_parameter id_of(const struct numbers *numbers)
{
    return (struct postgres_parameter){.value = slice_of(&numbers->id, sizeof numbers->id)};
}

static struct postgres_parameter turn_of(const struct numbers *numbers)
{
    return (struct postgres_parameter){.value = slice_of(&numbers->turn, sizeof numbers->turn)};
}

static struct postgres_parameter text_of(const char *text)
{
    return (struct postgres_parameter){.value = slice_from_text(text)};
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static enum run_stage parse_stage(struct slice name)
{
    for (int i = 0; i < RUN_STAGES; i++)
        if (slice_equal(name, slice_from_text(stage_names[i])))
            return (enum run_stage)i;
    return RUN_ABORTED;
}

static const struct postgres_statement find_statement = {
    "rebuild_find", "SELECT id, kind = 'rollback', stage, turn, started_at FROM taskledger.rebuild"
                    " WHERE stage NOT IN ('done', 'aborted')"};

bool run_find(struct postgres *postgres, struct run *run, bool *found, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice id, is_rollback, stage, turn, started_at;

    if (!postgres_query(postgres, &find_statement, NULL, 0, &result, error))
        return false;
    *found = postgres_rows(result) > 0;
    if (!*found)
        return true;
    postgres_value(result, 0, 0, &id);
    postgres_value(result, 0, 1, &is_rollback);
    postgres_value(result, 0, 2, &stage);
    postgres_value(result, 0, 3, &turn);
    postgres_value(result, 0, 4, &started_at);
    *run = (struct run){
        .id = postgres_read_int64(id),
        .is_rollback = postgres_read_boolean(is_rollback),
        .stage = parse_stage(stage),
        .turn = postgres_read_int32(turn),
        .started_at_us = postgres_read_time_us(started_at),
    };
    return true;
}

/* ---- changing --------------------------------------------------------------------------------------------------- */

static const struct postgres_statement begin_statement = {"rebuild_begin",
                                                          "INSERT INTO taskledger.rebuild (kind) VALUES ($1::text)"};

bool run_begin(struct postgres *postgres, bool is_rollback, struct run *run, struct error *error)
{
    const struct postgres_parameter kind = text_of(is_rollback ? "rollback" : "rebuild");
    bool found;

    return postgres_query(postgres, &begin_statement, &kind, 1, NULL, error) && run_find(postgres, run, &found, error);
}

static bool taken_over(struct error *error)
{
    return error_set(error, ERROR_FATAL, "locked", "another process has taken this run over");
}

/* True when the statement, which returns the row, found it. */
static bool found_row(struct postgres *postgres, const struct postgres_statement *statement,
                      const struct postgres_parameter *parameters, size_t count, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;

    return postgres_query(postgres, statement, parameters, count, &result, error) &&
           (postgres_rows(result) == 1 || taken_over(error));
}

static const struct postgres_statement take_statement = {
    "rebuild_take",
    "UPDATE taskledger.rebuild SET turn = turn + 1 WHERE id = $1::bigint AND turn = $2::int RETURNING id"};

bool run_take(struct postgres *postgres, struct run *run, struct error *error)
{
    const struct numbers numbers = numbers_of(run);
    const struct postgres_parameter parameters[] = {id_of(&numbers), turn_of(&numbers)};

    if (!found_row(postgres, &take_statement, parameters, 2, error))
        return false;
    run->turn++;
    return true;
}

static const struct postgres_statement advance_statement = {
    "rebuild_advance", "UPDATE taskledger.rebuild SET stage = $3::text,"
                       " ended_at = CASE WHEN $3::text IN ('done', 'aborted') THEN clock_timestamp() END"
                       " WHERE id = $1::bigint AND turn = $2::int RETURNING id"};

bool run_advance(struct postgres *postgres, struct run *run, enum run_stage stage, struct error *error)
{
    const struct numbers numbers = numbers_of(run);
    const struct postgres_parameter parameters[] = {id_of(&numbers), turn_of(&numbers), text_of(stage_names[stage])};

    if (!found_row(postgres, &advance_statement, parameters, 3, error))
        return false;
    run->stage = stage;
    return true;
}

static const struct postgres_statement hold_statement = {
    "rebuild_hold", "SELECT id FROM taskledger.rebuild WHERE id = $1::bigint AND turn = $2::int FOR SHARE"};

bool run_hold(struct postgres *postgres, const struct run *run, struct error *error)
{
    const struct numbers numbers = numbers_of(run);
    const struct postgres_parameter parameters[] = {id_of(&numbers), turn_of(&numbers)};

    return found_row(postgres, &hold_statement, parameters, 2, error);
}
