/* redact: the content of one event is blanked for good. */
#include "replay/command.h"

#include "consumer/ledger/task_rows.h"
#include "proto/digester.h"
#include "proto/event.h"
#include "replay/cell.h"
#include "replay/change.h"
#include "replay/console.h"
#include "replay/history/past.h"
#include "replay/ledger.h"
#include "replay/retention/event_name.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { REASON_BYTES_MAX = 500 };

/* Tables are touched in the order that consumers keep: task_event, task, then the others. */
static const char begin_sql[] = "BEGIN; SET LOCAL taskledger.maintenance = 'on'; SET LOCAL lock_timeout = '10s'";

struct redact {
    struct replay *replay;
    struct change change;
    struct event_name name;
    struct postgres_result *row; /* owned */
    struct event event;          /* borrows from the row */
    struct digest digest;
    bool is_redacted; /* before */
    bool is_done;
};

/* ---- the event --------------------------------------------------------------------------------------------------- */

enum { TASK_ID, OCCURRED_AT, STATUS, PAYLOAD, COPIES, SINCE, BY, WHY, KEPT_TABLE, NEW_TABLE };

#define FIND                                                                                                     \
    "SELECT e.task_id, e.occurred_at, e.status, e.payload, (SELECT count(*) FROM taskledger.rejected_event AS r" \
    "  WHERE r.producer_id = $1::uuid AND r.sequence = $2::int8 AND octet_length(r.payload) > 0),"               \
    " d.redacted_at, d.redacted_by, d.reason, to_regclass('taskledger.task_before') IS NOT NULL,"                \
    " to_regclass('taskledger.task_rebuild') IS NOT NULL"                                                        \
    " FROM taskledger.task_event AS e LEFT JOIN taskledger.redaction AS d"                                       \
    "  ON d.producer_id = $1::uuid AND d.sequence = $2::int8"                                                    \
    " WHERE e.producer_id = $1::uuid AND e.sequence = $2::int8"

static const struct postgres_statement look_statement = {"redact_look", FIND};
static const struct postgres_statement find_statement = {"redact_find", FIND " FOR UPDATE OF e"};

static struct slice cell(const struct redact *redact, size_t column)
{
    return cell_of_result(redact->row, 0, column);
}

/* What is not of a task holds the ledger together: ends, holes, who said what. */
static bool read_event(struct redact *redact, struct error *error)
{
    struct digester *digester = digester_new();
    struct error why = {.kind = ERROR_NONE};
    bool has_identity = false;

    if (digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    redact->digest = digester_hash(digester, cell(redact, PAYLOAD));
    digester_free(digester);
    if (!event_decode(cell(redact, PAYLOAD), &redact->event, &has_identity, &why))
        return error_set(error, ERROR_FATAL, "unreadable",
                         "cannot tell what the event says: %s; \"taskledger-replay verify\" tells what is wrong",
                         why.text);
    return redact->event.body == EVENT_TASK_STATUS ||
           error_set(error, ERROR_FATAL, "usage",
                     "only events of tasks are redacted: this one is a producer's word about itself, which tells what "
                     "is complete");
}

static bool find(struct redact *redact, struct postgres *postgres, const struct postgres_statement *statement,
                 struct error *error)
{
    uint8_t sequence[8];
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(redact->name.producer_id.bytes, UUID_BYTES)},
        {.value = ledger_bigint(redact->name.sequence, sequence)},
    };

    if (!postgres_query(postgres, statement, parameters, 2, &redact->row, error))
        return false;
    if (postgres_rows(redact->row) != 1)
        return error_set(error, ERROR_FATAL, "usage",
                         "the ledger holds no such event; what was set aside is listed by \"taskledger-replay rejected "
                         "list\"");
    redact->is_redacted = cell(redact, SINCE).data != NULL && cell(redact, PAYLOAD).size == 0;
    return redact->is_redacted || read_event(redact, error);
}

/* ---- what is left of it ------------------------------------------------------------------------------------------ */

static const struct postgres_statement blank_statement = {
    "redact_blank",
    "UPDATE taskledger.task_event SET payload = '', task_name = NULL, parent_task_id = NULL, queue = NULL,"
    " worker = NULL, step = NULL, progress = NULL, message = NULL, error_type = NULL,"
    " error_message = NULL, data = NULL, traceparent = NULL"
    " WHERE producer_id = $1::uuid AND sequence = $2::int8"};
static const struct postgres_statement copies_statement = {
    "redact_copies", "UPDATE taskledger.rejected_event SET payload = '', detail = 'redacted'"
                     " WHERE producer_id = $1::uuid AND sequence = $2::int8 AND octet_length(payload) > 0"};
static const struct postgres_statement note_statement = {
    "redact_note", "INSERT INTO taskledger.redaction (producer_id, sequence, digest, previous_digest, reason)"
                   " VALUES ($1::uuid, $2::int8, $3::bytea, $4::bytea, $5::text)"};
static const struct postgres_statement lock_statement = {
    "redact_lock", "SELECT FROM taskledger.task WHERE task_id = $1::text FOR UPDATE"};

static bool blank(struct redact *redact, struct error *error)
{
    uint8_t sequence[8];
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(redact->name.producer_id.bytes, UUID_BYTES)},
        {.value = ledger_bigint(redact->name.sequence, sequence)},
        {.value = digest_slice(&redact->digest)},
        {.value = redact->event.previous_digest},
        {.value = slice_from_text(redact->replay->settings->reason)},
    };
    const struct postgres_parameter task = {.value = redact->event.task_status.task_id};
    const struct postgres_request requests[] = {
        {.statement = &blank_statement, .parameters = parameters, .count = 2},
        {.statement = &lock_statement, .parameters = &task, .count = 1},
        {.statement = &copies_statement, .parameters = parameters, .count = 2},
        {.statement = &note_statement, .parameters = parameters, .count = 5},
    };

    return postgres_pipeline(redact->change.postgres, requests, sizeof requests / sizeof *requests, error);
}

/* ---- what its task is now ---------------------------------------------------------------------------------------- */

/* A rebuild's tables get the row from the events again, since that of `task` has changed: replay/rebuild/rebuild.h. */
static const struct postgres_statement forget_statement = {"redact_forget",
                                                           "DELETE FROM taskledger.task WHERE task_id = $1::text"};
static const struct postgres_statement forget_kept_statement = {
    "redact_forget_kept", "DELETE FROM taskledger.task_before WHERE task_id = $1::text"};
static const struct postgres_statement forget_new_statement = {
    "redact_forget_new", "DELETE FROM taskledger.task_rebuild WHERE task_id = $1::text"};

static bool forget_rows(struct redact *redact, struct slice task_id, struct error *error)
{
    struct postgres *postgres = redact->change.postgres;
    const struct postgres_parameter parameter = {.value = task_id};

    return postgres_query(postgres, &forget_statement, &parameter, 1, NULL, error) &&
           (!postgres_read_boolean(cell(redact, KEPT_TABLE)) ||
            postgres_query(postgres, &forget_kept_statement, &parameter, 1, NULL, error)) &&
           (!postgres_read_boolean(cell(redact, NEW_TABLE)) ||
            postgres_query(postgres, &forget_new_statement, &parameter, 1, NULL, error));
}

/* The row was locked before its events are read: who merged before has committed, who merges later waits. */
static bool fold_again(struct redact *redact, struct error *error)
{
    static const struct past_moment always = {.as_of_us = INT64_MAX, .known_at_us = INT64_MAX};
    struct ledger ledger = {.main = redact->change.postgres};
    struct slice task_id = redact->event.task_status.task_id;
    struct past past = {.unreadable = 0};
    struct columns columns;

    task_rows_init(&columns);
    bool good =
        past_tell(&past, &ledger, task_id, &always, error) &&
        (past.unreadable == 0 || error_set(error, ERROR_FATAL, "unreadable",
                                           "another event of the task cannot be read, so that its row cannot be "
                                           "made; \"taskledger-replay verify\" tells which")) &&
        forget_rows(redact, task_id, error) &&
        task_rows_add(&columns, redact->change.postgres, &past.fold.projection, error) &&
        (columns.rows == 0 || columns_send(&columns, redact->change.postgres, error));
    columns_close(&columns);
    past_close(&past);
    return good;
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct column columns[] = {
    {"state", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"event", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"task_id", "task", COLUMN_TEXT, COLUMN_CELL},
    {"status", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"occurred_at", "occurred", COLUMN_TIME, COLUMN_CELL},
    {"payload_bytes", "bytes", COLUMN_INTEGER, COLUMN_CELL},
    {"copies", "set aside with its number", COLUMN_INTEGER, COLUMN_CELL},
    {"digest", "digest that is kept", COLUMN_TEXT, COLUMN_CELL},
    {"redacted_at", "redacted", COLUMN_TIME, COLUMN_CELL},
    {"redacted_by", "by", COLUMN_TEXT, COLUMN_CELL},
    {"reason", NULL, COLUMN_TEXT, COLUMN_CELL},
};
/* clang-format on */

static const struct section section = {
    .name = "redaction",
    .item = "redaction",
    .is_main = true,
    .columns = columns,
    .count = sizeof columns / sizeof *columns,
};

static const char *state_of(const struct redact *redact)
{
    if (redact->is_redacted)
        return "redacted before";
    return redact->is_done ? "redacted" : "would be redacted";
}

static void show(const struct redact *redact)
{
    char producer[UUID_TEXT_BYTES], event[UUID_TEXT_BYTES + 24], digest[DIGEST_HEX_BYTES] = "";
    struct slice since = cell(redact, SINCE), why = slice_from_text(redact->replay->settings->reason);

    uuid_format(&redact->name.producer_id, producer);
    snprintf(event, sizeof event, "%s#%" PRIu64, producer, redact->name.sequence);
    if (!redact->is_redacted)
        digest_format(&redact->digest, digest);
    const struct value values[] = {
        value_toned(value_words(state_of(redact)), redact->is_done ? TONE_GOOD : TONE_ODD),
        value_words(event),
        value_text(cell(redact, TASK_ID)),
        value_text(cell(redact, STATUS)),
        value_time(postgres_read_time_us(cell(redact, OCCURRED_AT))),
        value_unsigned(cell(redact, PAYLOAD).size),
        value_integer(postgres_read_int64(cell(redact, COPIES))),
        value_words(digest),
        value_time(cell_time_us(since)),
        value_text(cell(redact, BY)),
        value_text(redact->is_redacted ? cell(redact, WHY) : why),
    };
    static_assert(sizeof values / sizeof *values == sizeof columns / sizeof *columns, "a value a column");
    output_begin(redact->replay->output, &section);
    output_row(redact->replay->output, values);
    output_end(redact->replay->output);
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static bool plan(struct redact *redact, struct error *error)
{
    struct ledger ledger = {.main = NULL};
    const struct settings *settings = redact->replay->settings;

    bool good = ledger_open(&ledger, settings->database_url, redact->replay->clock, error) &&
                ledger_begin(&ledger, error) && find(redact, ledger.main, &look_statement, error);
    if (good) {
        show(redact);
        if (!redact->is_redacted)
            output_say(redact->replay->output, TONE_FAINT, "Nothing was changed: --execute does it, for good.");
    }
    ledger_close(&ledger);
    return good;
}

static bool do_it(struct redact *redact, struct error *error)
{
    struct postgres *postgres = redact->change.postgres;

    if (!postgres_execute(postgres, begin_sql, error) || !find(redact, postgres, &find_statement, error))
        return false;
    if (redact->is_redacted)
        return postgres_execute(postgres, "ROLLBACK", error);
    redact->is_done = blank(redact, error) && fold_again(redact, error) && postgres_execute(postgres, "COMMIT", error);
    return redact->is_done;
}

static bool execute(struct redact *redact, struct error *error)
{
    const struct change_options options = {
        .url = redact->replay->settings->database_url,
        .lock = SCHEMA_LOCK_RETENTION,
        .as_owner = true,
        .clock = redact->replay->clock,
    };

    bool good = change_open(&redact->change, &options, error) && do_it(redact, error);
    if (good)
        show(redact);
    if (redact->is_done)
        console_say(
            "what may hold it still: the stream, until it is trimmed there; exports and backups; and the table's "
            "dead rows, until \"VACUUM taskledger.task_event, taskledger.task\"");
    change_close(&redact->change);
    return good;
}

static bool check(const struct settings *settings, struct error *error)
{
    if (settings->reason == NULL || settings->reason[0] == '\0')
        return error_set(error, ERROR_FATAL, "usage", "--reason is missing: why? It is kept in the ledger");
    return strlen(settings->reason) <= REASON_BYTES_MAX ||
           error_set(error, ERROR_FATAL, "usage", "a reason has at most %d bytes", REASON_BYTES_MAX);
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct redact redact = {.replay = replay};

    if (!check(replay->settings, error) || !event_name_parse(arguments[0], &redact.name, error))
        return false;
    bool good = replay->settings->execute ? execute(&redact, error) : plan(&redact, error);
    if (good)
        *exit = EXIT_OK;
    postgres_result_free(redact.row);
    return good;
}

static const char *const flags[] = {"--reason", "--execute", NULL};

const struct command redact_command = {
    .name = "redact",
    .arguments = "EVENT",
    .argument_min = 1,
    .argument_max = 1,
    .summary = "blank the content of one event, for good",
    .description =
        "For lawful erasure. EVENT is a producer's whole name, #, and a number. Its bytes and the columns taken from "
        "them\n"
        "are blanked, also where they were set aside under the same number. What stays: who said it and as which "
        "number,\n"
        "when, of which task, its status and its attempt, and two digests, so that chains and seals still hold. The\n"
        "task's row is folded again in the same transaction. verify lists each redaction, with --reason.\n"
        "\n"
        "Exit codes: 0 done, or planned, or redacted before, 2 there is no such event, 3 not the ledger's owner, 6\n"
        "another prune or redact is at work.\n",
    .example = "taskledger-replay redact 01995d3c-7bce-7000-8000-5f0c9a1e0001#17 --reason 'request 4711'\n",
    .flags = flags,
    .run = run,
};
