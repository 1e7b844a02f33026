#include "consumer/ledger/suspect_trials.h"

#include "consumer/ledger/columns.h"
#include "consumer/ledger/suspect_rows.h"

#include <assert.h>

#define THESE  " FROM unnest($1::text[], $2::text[]) AS these (stream, stream_id)"
#define MYSELF "pg_backend_pid(), (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())"

/* Of another user's session no more is told than that it is there. Sessions that ended with the server prove
 * nothing. */
static const struct postgres_statement look_statement = {
    "suspects_look", "WITH old AS (DELETE FROM taskledger.entry_trial WHERE last_at < now() - interval '7 days')"
                     " SELECT these.ordinal::int8, t.trials, t.last_at < pg_postmaster_start_time() OR EXISTS ("
                     "   SELECT FROM pg_stat_activity a WHERE a.pid = t.backend_pid"
                     "    AND (a.backend_start IS NULL OR a.backend_start = t.backend_start))"
                     " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS these (stream, stream_id, ordinal)"
                     " JOIN taskledger.entry_trial t USING (stream, stream_id)"};

static const struct postgres_statement together_statement = {
    "suspects_together", "INSERT INTO taskledger.entry_trial (stream, stream_id, trials, backend_pid, backend_start)"
                         " SELECT stream, stream_id, 0, " MYSELF THESE " ORDER BY stream, stream_id"
                         " ON CONFLICT DO NOTHING"};

static const struct postgres_statement alone_statement = {
    "suspects_alone", "INSERT INTO taskledger.entry_trial AS t (stream, stream_id, trials, backend_pid, backend_start)"
                      " SELECT stream, stream_id, 1, " MYSELF THESE
                      " ON CONFLICT (stream, stream_id) DO UPDATE SET trials = t.trials + 1,"
                      "  backend_pid = excluded.backend_pid, backend_start = excluded.backend_start, last_at = now()"};

static const struct postgres_statement acquit_statement = {
    "suspects_acquit", "UPDATE taskledger.entry_trial t SET trials = t.trials - 1" THESE
                       " WHERE t.stream = these.stream AND t.stream_id = these.stream_id AND t.trials > 0"};

static bool ask(struct postgres *postgres, const struct postgres_statement *statement, const struct keys *keys,
                const struct batch *suspects, struct postgres_result **result, struct error *error)
{
    struct postgres_parameter parameters[COLUMNS_MAX];
    static const enum columns_type types[] = {COLUMNS_TEXT, COLUMNS_TEXT, 0};
    struct columns columns;

    columns_init(&columns, statement, types);
    for (size_t i = 0; i < suspects->count; i++)
        suspect_rows_add(&columns, keys, &suspects->entries[i]);
    bool good = columns_finish(&columns, parameters, error) &&
                postgres_query(postgres, statement, parameters, columns.count, result, error);
    columns_close(&columns);
    return good;
}

bool suspect_trials_look(struct postgres *postgres, const struct keys *keys, const struct batch *suspects,
                         struct suspect_trials *trials, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;

    if (!ask(postgres, &look_statement, keys, suspects, &result, error))
        return false;
    for (size_t row = 0; row < postgres_rows(result); row++) {
        struct slice ordinal, alone, may_live;

        bool whole = postgres_value(result, row, 0, &ordinal) && postgres_value(result, row, 1, &alone) &&
                     postgres_value(result, row, 2, &may_live);
        assert(whole);
        (void)whole;
        size_t place = (size_t)postgres_read_int64(ordinal) - 1;
        assert(place < suspects->count);
        trials[place] = (struct suspect_trials){
            .is_written = true, .alone = postgres_read_int32(alone), .may_live = postgres_read_boolean(may_live)};
    }
    return true;
}

bool suspect_trials_together(struct postgres *postgres, const struct keys *keys, const struct batch *suspects,
                             struct error *error)
{
    return ask(postgres, &together_statement, keys, suspects, NULL, error);
}

bool suspect_trials_alone(struct postgres *postgres, const struct keys *keys, const struct entry *suspect,
                          struct error *error)
{
    return ask(postgres, &alone_statement, keys, &(struct batch){.entries = suspect, .count = 1}, NULL, error);
}

bool suspect_trials_acquit(struct postgres *postgres, const struct keys *keys, const struct entry *suspect,
                           struct error *error)
{
    return ask(postgres, &acquit_statement, keys, &(struct batch){.entries = suspect, .count = 1}, NULL, error);
}
