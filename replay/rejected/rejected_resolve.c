/* rejected retry and discard: a row is resolved, with a reason. */
#include "replay/rejected/rejected.h"

#include "consumer/ledger/apply.h"
#include "consumer/ledger/origin.h"
#include "proto/event.h"
#include "replay/cell.h"
#include "replay/change.h"
#include "replay/ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { REASON_BYTES_MAX = 500 };

enum outcome {
    APPLIED,
    DISCARDED,
    RESOLVED_BEFORE,
    NOT_KEPT,  /* not all of its bytes are there */
    NO_EVENT,  /* they never were an event */
    CONFLICT,  /* another event has its number */
    REFUSED,   /* as before */
    NOT_THERE, /* no such row */
};

static const struct {
    const char *word;
    bool is_done;
} outcomes[] = {
    [APPLIED] = {"applied", true},
    [DISCARDED] = {"discarded", true},
    [RESOLVED_BEFORE] = {"resolved before", false},
    [NOT_KEPT] = {"not kept whole", false},
    [NO_EVENT] = {"no event", false},
    [CONFLICT] = {"conflict", false},
    [REFUSED] = {"refused", false},
    [NOT_THERE] = {"not there", false},
};

/* clang-format off */
static const struct column columns[] = {
    {"id", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"event", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"outcome", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"detail", NULL, COLUMN_TEXT, COLUMN_YIELDING},
};
/* clang-format on */

static const struct section section = {
    .name = "rejected",
    .item = "rejected",
    .is_list = true,
    .is_main = true,
    .columns = columns,
    .count = sizeof columns / sizeof *columns,
};

struct resolving {
    struct replay *replay;
    struct change change;
    struct apply *apply; /* NULL: nothing is applied */
    struct arena arena;
    uint64_t left; /* that could not be resolved */
};

/* One row: its ID, and what became of it. */
struct told {
    int64_t id;
    char event[REJECTED_EVENT_BYTES];
    enum outcome outcome;
    struct slice detail;
};

static void tell(struct resolving *resolving, const struct told *told)
{
    bool is_done = outcomes[told->outcome].is_done;
    const struct value values[] = {
        value_integer(told->id),
        value_words(told->event),
        value_toned(value_words(outcomes[told->outcome].word), is_done ? TONE_GOOD : TONE_BAD),
        value_text(told->detail),
    };

    static_assert(sizeof values / sizeof *values == sizeof columns / sizeof *columns, "a value a column");
    output_row(resolving->replay->output, values);
    resolving->left += !is_done;
}

/* ---- one row ----------------------------------------------------------------------------------------------------- */

enum { PRODUCER_ID, SEQUENCE, STREAM, STREAM_ID, PAYLOAD, PAYLOAD_BYTES, REASON, RESOLUTION, NOW, OTHER, PRUNED };

/* OTHER: an event is stored under this number that has other bytes. */
static const struct postgres_statement row_statement = {
    "rejected_row",
    "SELECT producer_id, sequence, stream, stream_id, payload, payload_bytes, reason,"
    " CASE WHEN resolved_at IS NOT NULL THEN coalesce(resolution, '') END, clock_timestamp(),"
    " EXISTS (SELECT FROM taskledger.task_event AS e WHERE e.producer_id = r.producer_id AND e.sequence = r.sequence"
    "  AND e.payload <> r.payload),"
    " EXISTS (SELECT FROM taskledger.producer AS p WHERE p.producer_id = r.producer_id AND p.pruned_at IS NOT NULL)"
    " FROM taskledger.rejected_event AS r WHERE id = $1::int8"};

static bool find(struct resolving *resolving, int64_t id, struct postgres_result **row, struct error *error)
{
    uint8_t bytes[8];
    const struct postgres_parameter parameter = {.value = ledger_bigint((uint64_t)id, bytes)};

    return change_holds(&resolving->change, error) &&
           postgres_query(resolving->change.postgres, &row_statement, &parameter, 1, row, error);
}

/* "applied again by alice: the column is wide enough now". Applied is what is stored with these bytes. */
static const struct postgres_statement applied_statement = {
    "rejected_applied",
    "UPDATE taskledger.rejected_event AS r SET resolved_at = now(),"
    " resolution = 'applied again by ' || session_user || ': ' || $2::text"
    " WHERE id = $1::int8 AND resolved_at IS NULL AND EXISTS (SELECT FROM taskledger.task_event AS e"
    "  WHERE e.producer_id = r.producer_id AND e.sequence = r.sequence AND e.payload = r.payload) RETURNING id"};
static const struct postgres_statement discarded_statement = {
    "rejected_discarded", "UPDATE taskledger.rejected_event SET resolved_at = now(),"
                          " resolution = 'discarded by ' || session_user || ': ' || $2::text"
                          " WHERE id = $1::int8 AND resolved_at IS NULL RETURNING id"};

static bool resolve(struct resolving *resolving, const struct postgres_statement *statement, int64_t id, bool *is_done,
                    struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint8_t bytes[8];
    const struct postgres_parameter parameters[] = {
        {.value = ledger_bigint((uint64_t)id, bytes)},
        {.value = slice_from_text(resolving->replay->settings->reason)},
    };

    if (!postgres_query(resolving->change.postgres, statement, parameters, 2, &result, error))
        return false;
    *is_done = postgres_rows(result) == 1;
    return true;
}

static bool discard(struct resolving *resolving, const struct postgres_result *row, struct told *told,
                    struct error *error)
{
    bool is_done;

    (void)row;
    if (!resolve(resolving, &discarded_statement, told->id, &is_done, error))
        return false;
    told->outcome = is_done ? DISCARDED : RESOLVED_BEFORE;
    return true;
}

/* ---- applying again ---------------------------------------------------------------------------------------------- */

static bool is_reason(const struct postgres_result *row, enum apply_reason reason)
{
    return slice_equal(cell_of_result(row, 0, REASON), slice_from_text(apply_reason_names[reason]));
}

/* What cannot be tried at all. */
static bool is_hopeless(const struct postgres_result *row, struct told *told)
{
    struct slice payload = cell_of_result(row, 0, PAYLOAD);

    if (postgres_read_boolean(cell_of_result(row, 0, PRUNED))) {
        told->outcome = REFUSED;
        told->detail = slice_from_text("its producer was pruned: whatever comes of it now is late");
    } else if (is_reason(row, APPLY_MALFORMED_ENTRY)) {
        told->outcome = NO_EVENT;
        told->detail = slice_from_text("the entry was none of ours: there is nothing to apply");
    } else if (payload.size != (uint64_t)postgres_read_int64(cell_of_result(row, 0, PAYLOAD_BYTES))) {
        told->outcome = NOT_KEPT;
        told->detail = slice_from_text(payload.size == 0 ? "its bytes were redacted"
                                                         : "only its first 64 KiB were kept: let it be said again");
    } else {
        return false;
    }
    return true;
}

/* It goes in under the identity that it has, and as what was first read from that place in the stream. */
static bool put(struct resolving *resolving, const struct postgres_result *row, struct error *why)
{
    const struct origin origin = {
        .stream = cell_of_result(row, 0, STREAM),
        .recorded_at_us = postgres_read_time_us(cell_of_result(row, 0, NOW)),
    };
    struct slice payload = cell_of_result(row, 0, PAYLOAD);
    struct entry entry = {.state = ENTRY_WHOLE, .payload = payload, .payload_bytes = payload.size, .origin = &origin};
    const struct batch batch = {.entries = &entry, .count = 1};
    struct sink sink = apply_sink(resolving->apply);

    if (!stream_id_parse(cell_of_result(row, 0, STREAM_ID), &entry.id))
        entry.id = (struct stream_id){.ms = 0};
    return sink.apply(sink.self, &batch, why);
}

/* Why it is still aside. The sink has said it by a row that was there already, so it is asked of the bytes once
 * more. */
static void say_why(const struct postgres_result *row, struct told *told, struct error *why)
{
    struct event event;
    bool has_identity = false;

    told->outcome = REFUSED;
    if (why->kind == ERROR_NONE && postgres_read_boolean(cell_of_result(row, 0, OTHER))) {
        told->outcome = CONFLICT;
        told->detail = slice_from_text("an event with this number and other bytes was stored first: it stays");
        return;
    }
    if (why->kind == ERROR_NONE && event_decode(cell_of_result(row, 0, PAYLOAD), &event, &has_identity, why))
        error_set(why, ERROR_REJECTED, "refused", "not stored");
    told->detail = slice_from_text(why->text);
}

static bool retry(struct resolving *resolving, const struct postgres_result *row, struct told *told,
                  struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    bool is_done = false;

    if (is_hopeless(row, told))
        return true;
    if (!put(resolving, row, &why) && why.kind != ERROR_REJECTED) {
        *error = why;
        return false;
    }
    if (why.kind == ERROR_NONE && !resolve(resolving, &applied_statement, told->id, &is_done, error))
        return false;
    if (is_done) {
        told->outcome = APPLIED;
        return true;
    }
    say_why(row, told, &why);
    told->detail = arena_copy(&resolving->arena, told->detail); /* `why` ends here */
    return true;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

typedef bool one(struct resolving *resolving, const struct postgres_result *row, struct told *told,
                 struct error *error);

static bool resolve_one(struct resolving *resolving, const char *word, one *do_it, struct error *error)
{
    struct told told = {.outcome = NOT_THERE};
    AUTO_POSTGRES_RESULT row = NULL;

    arena_reset(&resolving->arena, EVENT_BYTES_MAX);
    if (!rejected_id(word, &told.id, error) || !find(resolving, told.id, &row, error))
        return false;
    if (postgres_rows(row) == 1) {
        rejected_event_name(cell_of_result(row, 0, PRODUCER_ID), cell_of_result(row, 0, SEQUENCE), told.event);
        told.outcome = RESOLVED_BEFORE;
        told.detail = cell_of_result(row, 0, RESOLUTION);
        if (told.detail.data == NULL && !do_it(resolving, row, &told, error))
            return false;
    }
    tell(resolving, &told);
    return true;
}

static bool resolve_all(struct resolving *resolving, char *const *arguments, one *do_it, struct error *error)
{
    output_begin(resolving->replay->output, &section);
    for (; *arguments != NULL; arguments++)
        if (!resolve_one(resolving, *arguments, do_it, error))
            return false;
    output_end(resolving->replay->output);
    return true;
}

/* Nothing is begun with words that cannot be meant. */
static bool check(const struct settings *settings, char *const *arguments, struct error *error)
{
    int64_t ignored;

    for (; *arguments != NULL; arguments++)
        if (!rejected_id(*arguments, &ignored, error))
            return false;
    if (settings->reason == NULL || settings->reason[0] == '\0')
        return error_set(error, ERROR_FATAL, "usage", "--reason is missing: why? It is kept in the row");
    return strlen(settings->reason) <= REASON_BYTES_MAX ||
           error_set(error, ERROR_FATAL, "usage", "a reason has at most %d bytes", REASON_BYTES_MAX);
}

static bool prepare(struct resolving *resolving, bool applies, struct error *error)
{
    const struct settings *settings = resolving->replay->settings;
    const struct change_options session = {
        .url = settings->database_url, .lock = SCHEMA_LOCK_REJECTED, .clock = resolving->replay->clock};
    const struct apply_options sink = {
        .stream = settings->stream, .shards = (unsigned)settings->shards, .clock = resolving->replay->clock};

    if (!change_open(&resolving->change, &session, error))
        return false;
    if (applies)
        resolving->apply = apply_new(resolving->change.postgres, &sink, error);
    return !applies || resolving->apply != NULL;
}

static bool run(struct replay *replay, char *const *arguments, one *do_it, enum exit_code *exit, struct error *error)
{
    struct resolving resolving = {.replay = replay};

    if (!check(replay->settings, arguments, error))
        return false;
    bool good = prepare(&resolving, do_it == retry, error) && resolve_all(&resolving, arguments, do_it, error);
    if (good)
        *exit = resolving.left > 0 ? EXIT_FINDINGS : EXIT_OK;
    apply_free(resolving.apply);
    change_close(&resolving.change);
    arena_close(&resolving.arena);
    return good;
}

bool rejected_retry(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    return run(replay, arguments, retry, exit, error);
}

bool rejected_discard(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    return run(replay, arguments, discard, exit, error);
}
