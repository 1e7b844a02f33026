#include "replay/retention/take.h"

#include "consumer/ledger/task_rows.h"
#include "proto/backoff.h"
#include "replay/rebuild/refold.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BACKOFF_BASE_MS = 200, BACKOFF_CAP_MS = 5000, SQL_BYTES = 160, TELL_EVERY = 1024 };

/* ---- a lock on what everybody uses ------------------------------------------------------------------------------- */

enum lock_outcome { LOCK_DONE, LOCK_BUSY, LOCK_TOUCHED };

typedef bool lock_try(struct take *take, enum lock_outcome *outcome, struct error *error);

static bool give_up(const struct take *take, struct error *error)
{
    return error_set(error, ERROR_TRANSIENT, "locked_out",
                     "could not lock %s within %d minutes: somebody reads or writes it all the time (see "
                     "pg_stat_activity); nothing was done, and the same command tries again",
                     take->unit->name, TAKE_PATIENCE_MS / 60000);
}

/* Who waits makes all who come later wait behind him: so each try waits for a moment only. */
static bool be_patient(struct take *take, lock_try *try_once, struct error *error)
{
    int64_t deadline_us = clock_deadline_us(take->clock, TAKE_PATIENCE_MS);
    struct backoff backoff;

    backoff_init(&backoff, BACKOFF_BASE_MS, BACKOFF_CAP_MS, (uint64_t)getpid());
    for (;;) {
        enum lock_outcome outcome = LOCK_BUSY;

        if (!try_once(take, &outcome, error))
            return false;
        if (outcome == LOCK_DONE)
            return true;
        if (outcome == LOCK_TOUCHED)
            return error_set(error, ERROR_TRANSIENT, "busy",
                             "something came into %s just now: nothing was done; look at the plan again",
                             take->unit->name);
        if (clock_left_ms(take->clock, deadline_us) == 0)
            return give_up(take, error);
        if (backoff.failures == 0)
            console_say("waiting for a moment in which nobody uses %s", take->unit->name);
        take->clock->sleep_us(take->clock->self, backoff_next_us(&backoff));
    }
}

static bool set_timeout(struct take *take, const char *set, struct error *error)
{
    char sql[SQL_BYTES];

    snprintf(sql, sizeof sql, "%s lock_timeout = '%" PRId64 "ms'", set, take->lock_timeout_ms);
    return postgres_execute(take->change->postgres, sql, error);
}

static const struct postgres_statement watch_statement = {
    "prune_watch", "SELECT CASE WHEN taskledger.prune_watch($1::text) THEN 'dropped' ELSE 'locked' END"};
static const struct postgres_statement drop_statement = {"prune_drop", "SELECT taskledger.prune_drop($1::text)"};

static bool ask(struct take *take, const struct postgres_statement *statement, enum lock_outcome *outcome,
                struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    const struct postgres_parameter parameter = {.value = slice_from_text(take->unit->name)};
    struct slice word;

    if (!change_holds(take->change, error) ||
        !postgres_query(take->change->postgres, statement, &parameter, 1, &result, error))
        return false;
    if (!postgres_value(result, 0, 0, &word))
        return error_set(error, ERROR_FATAL, "schema", "cannot tell what became of %s", take->unit->name);
    *outcome = slice_equal(word, slice_from_text("dropped"))   ? LOCK_DONE
               : slice_equal(word, slice_from_text("touched")) ? LOCK_TOUCHED
                                                               : LOCK_BUSY;
    return true;
}

static bool watch(struct take *take, enum lock_outcome *outcome, struct error *error)
{
    return ask(take, &watch_statement, outcome, error);
}

static bool drop(struct take *take, enum lock_outcome *outcome, struct error *error)
{
    return ask(take, &drop_statement, outcome, error);
}

bool take_watch(struct take *take, struct error *error)
{
    return set_timeout(take, "SET", error) && be_patient(take, watch, error);
}

/* ---- the transaction --------------------------------------------------------------------------------------------- */

bool take_begin(struct take *take, struct error *error)
{
    return change_holds(take->change, error) && postgres_execute(take->change->postgres,
                                                                 "BEGIN; SET LOCAL taskledger.maintenance = 'on';"
                                                                 " SET LOCAL idle_in_transaction_session_timeout = 0",
                                                                 error);
}

void take_abandon(struct take *take)
{
    struct error ignored;

    if (postgres_is_open(take->change->postgres) && !postgres_execute(take->change->postgres, "ROLLBACK", &ignored))
        postgres_close(take->change->postgres);
}

struct folding {
    struct take *take;
    struct columns columns;
};

static bool add_base(void *self, const struct projection *task, struct error *error)
{
    struct folding *folding = self;

    folding->take->tasks++;
    if (folding->take->tasks % TELL_EVERY == 0)
        console_progress_tell(folding->take->progress, "fold tasks", folding->take->tasks, 0);
    return task_rows_add(&folding->columns, folding->take->change->postgres, task, error);
}

static bool fold(struct take *take, struct error *error)
{
    struct folding folding = {.take = take};
    struct refold refold = {
        .postgres = take->change->postgres, .visit = add_base, .self = &folding, .temporary = take->temporary};

    take->tasks = 0;
    task_rows_init_base(&folding.columns);
    bool good = refold_said(&refold, &take->unit->range.first, &take->unit->range.before, error) &&
                (folding.columns.rows == 0 || columns_send(&folding.columns, refold.postgres, error)) &&
                postgres_execute(refold.postgres, "CLOSE ALL", error);
    refold_close(&refold);
    columns_close(&folding.columns);
    return good;
}

#define OF_THE_RANGE "producer_id >= $1::uuid AND producer_id < $2::uuid"

static const struct postgres_statement mark_statement = {
    "prune_mark", "INSERT INTO taskledger.producer AS p (producer_id, pruned_at)"
                  " SELECT DISTINCT producer_id, now() FROM taskledger.task_event WHERE " OF_THE_RANGE
                  " ORDER BY producer_id ON CONFLICT (producer_id) DO UPDATE SET pruned_at = now()"};

/* What was set aside under their numbers would else look like events of producers of whom the others are missing. */
static const struct postgres_statement aside_statement = {
    "prune_aside", "DELETE FROM taskledger.rejected_event WHERE resolved_at IS NOT NULL AND " OF_THE_RANGE};

/* An entry that was deleted after it was applied is told from one that was lost by its event. */
static const struct postgres_statement losses_statement = {
    "prune_losses", "UPDATE taskledger.loss AS l SET repaired_at = now(), detail = l.detail || '; it had been applied'"
                    " FROM taskledger.task_event AS e WHERE l.repaired_at IS NULL AND l.kind = 'deleted_while_pending'"
                    " AND l.stream = e.stream AND l.stream_id = e.stream_ms || '-' || e.stream_seq"
                    " AND e.producer_id >= $1::uuid AND e.producer_id < $2::uuid"};

static bool mark(struct take *take, struct error *error)
{
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(take->unit->range.first.bytes, UUID_BYTES)},
        {.value = slice_of(take->unit->range.before.bytes, UUID_BYTES)},
    };
    struct postgres *postgres = take->change->postgres;

    return postgres_query(postgres, &mark_statement, parameters, 2, NULL, error) &&
           postgres_query(postgres, &aside_statement, parameters, 2, NULL, error) &&
           postgres_query(postgres, &losses_statement, parameters, 2, NULL, error);
}

static const struct postgres_statement record_statement = {
    "prune_record",
    "INSERT INTO taskledger.prune (partition_name, before_at, events, producers, tasks, is_sealed, is_exported, reason)"
    " VALUES ($1::text, timestamptz 'epoch' + $2::int8 * interval '1 microsecond', $3::int8, $4::int8, $5::int8, "
    "$6::bool, $7::bool, $8::text)"};

static bool record(struct take *take, struct error *error)
{
    uint8_t numbers[4][8], sealed = take->is_sealed, exported = take->is_exported;
    const struct postgres_parameter parameters[] = {
        {.value = slice_from_text(take->unit->name)},
        {.value = ledger_bigint((uint64_t)take->before_us, numbers[0])},
        {.value = ledger_bigint(take->unit->events, numbers[1])},
        {.value = ledger_bigint(take->unit->producers, numbers[2])},
        {.value = ledger_bigint(take->tasks, numbers[3])},
        {.value = slice_of(&sealed, 1)},
        {.value = slice_of(&exported, 1)},
        {.value = slice_from_text(take->reason), .is_null = take->reason == NULL},
    };

    return postgres_query(take->change->postgres, &record_statement, parameters, sizeof parameters / sizeof *parameters,
                          NULL, error);
}

bool take_end(struct take *take, struct error *error)
{
    return fold(take, error) && mark(take, error) && record(take, error) && set_timeout(take, "SET LOCAL", error) &&
           be_patient(take, drop, error) && postgres_execute(take->change->postgres, "COMMIT", error);
}
