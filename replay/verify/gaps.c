/* gaps: what is missing, why, and what may bring it back. */
#include "replay/command.h"

#include "replay/cell.h"
#include "replay/console.h"
#include "replay/ledger.h"
#include "replay/verify/gap_rows.h"
#include "replay/verify/numbers.h"
#include "replay/verify/stream_behind.h"

#include <assert.h>
#include <stdio.h>

enum { MILLISECOND_US = 1000, DETAIL_BYTES = 512 };

struct gaps {
    struct replay *replay;
    struct ledger ledger;
    struct part part;
    struct numbers numbers;
    struct console_progress progress;
    bool has_producer; /* only that one */
    struct uuid producer_id;
    struct gap_totals totals;
    uint64_t alive; /* producers that have not closed and are heard of */
    struct stream_behind behind;
};

/* ---- which are shown --------------------------------------------------------------------------------------------- */

static bool is_asked(const struct gaps *gaps, const struct gap *gap)
{
    const struct settings *settings = gaps->replay->settings;
    struct slice worker = gap->evidence == NULL ? (struct slice){.data = NULL} : gap->evidence->worker;

    if (gaps->has_producer && (!gap->has_producer || uuid_compare(&gap->producer_id, &gaps->producer_id) != 0))
        return false;
    return settings->worker == NULL || slice_equal(worker, slice_from_text(settings->worker));
}

static void show(struct gaps *gaps, const struct gap *gap)
{
    if (!is_asked(gaps, gap))
        return;
    gap_totals_add(&gaps->totals, gap->cause, gap->state, gap_rows_missing(gap));
    if (gap->state == GAP_OPEN || !gaps->replay->settings->open)
        gap_rows_add(gaps->replay->output, gap);
}

/* ---- what is missing now ----------------------------------------------------------------------------------------- */

static int64_t young_since_us(const struct gaps *gaps)
{
    return gaps->ledger.now_us - gaps->replay->settings->in_flight_ms * MILLISECOND_US;
}

/* When it was missed first: by the event behind it, or by the word about the end. */
static int64_t noticed_us(const struct gaps *gaps, const struct chain_finding *told)
{
    int64_t closed_at_us = gaps->numbers.producers.book.closed_at_us;
    bool is_later =
        told->kind == CHAIN_TAIL && closed_at_us > told->noticed_at_us && closed_at_us <= gaps->ledger.now_us;
    int64_t at_us = is_later ? closed_at_us : told->noticed_at_us;

    return at_us == 0 ? PROJECTION_NEVER : at_us;
}

static enum gap_state state_of(const struct gaps *gaps, const struct gap_facts *facts, int64_t noticed_at_us)
{
    bool never_was = facts->kind == CHAIN_DECLARED || (facts->kind == CHAIN_HOLE && facts->link == CHAIN_LINK_HOLDS);
    bool is_young = noticed_at_us != PROJECTION_NEVER && noticed_at_us > young_since_us(gaps);

    if (facts->kind == CHAIN_OPEN_END)
        return GAP_UNKNOWN;
    return is_young && !never_was && !facts->was_held ? GAP_IN_FLIGHT : GAP_OPEN;
}

static bool is_silent(const struct gaps *gaps, const struct gap_evidence *evidence)
{
    return evidence->heard_us == PROJECTION_NEVER || evidence->heard_us <= young_since_us(gaps);
}

static struct gap_facts facts_of(const struct gaps *gaps, const struct chain_finding *told,
                                 const struct gap_evidence *evidence)
{
    return (struct gap_facts){
        .kind = told->kind,
        .link = told->link,
        .reason = told->reason,
        .confirms = evidence->confirms,
        .was_held = evidence->was_held,
        .is_closed = evidence->is_closed,
        .is_silent = is_silent(gaps, evidence),
        .was_trimmed = evidence->was_trimmed,
        .stream_went_back = evidence->stream_went_back,
        .ledger_went_back = evidence->ledger_went_back,
    };
}

static void show_missing(struct gaps *gaps, const struct chain_finding *told, const struct gap_evidence *evidence)
{
    const struct gap_facts facts = facts_of(gaps, told, evidence);
    bool is_end = told->kind == CHAIN_OPEN_END;
    char detail[DETAIL_BYTES] = "";
    struct gap gap = {
        .cause = gap_cause_of(&facts),
        .has_producer = true,
        .producer_id = told->producer_id,
        .first = is_end ? told->last + 1 : told->first,
        .last = is_end ? 0 : told->last,
        .evidence = evidence,
        .noticed_us = is_end ? PROJECTION_NEVER : noticed_us(gaps, told),
        .repaired_us = PROJECTION_NEVER,
    };

    if (is_end && !facts.is_silent) {
        gaps->alive++;
        return;
    }
    gap.state = state_of(gaps, &facts, gap.noticed_us);
    if (told->kind == CHAIN_DECLARED)
        snprintf(detail, sizeof detail, "%s; it says: %.*s", gap_cause_meaning(gap.cause), SLICE_PRINT(told->reason));
    gap.detail = slice_from_text(detail);
    show(gaps, &gap);
}

/* Around an open end are the events before it. */
static bool tell(void *self, const struct chain_finding *told, struct error *error)
{
    struct gaps *gaps = self;
    bool is_end = told->kind == CHAIN_OPEN_END;
    struct gap_evidence evidence;

    if (told->kind != CHAIN_HOLE && told->kind != CHAIN_DECLARED && told->kind != CHAIN_TAIL && !is_end)
        return true;
    if (gaps->has_producer && uuid_compare(&told->producer_id, &gaps->producer_id) != 0)
        return true;
    uint64_t first = is_end ? told->last + 1 : told->first, last = is_end ? told->last + 1 : told->last;
    bool good = gap_evidence_find(&evidence, gaps->ledger.side, &told->producer_id, first, last, error);
    if (good)
        show_missing(gaps, told, &evidence);
    gap_evidence_close(&evidence);
    return good;
}

/* ---- what the books tell besides --------------------------------------------------------------------------------- */

/* What came late, and what happened without anybody knowing which numbers it cost. Repaired ones only if asked for. */
static const struct postgres_statement books_statement = {
    "replay_gap_books",
    "SELECT producer_id, first_sequence, last_sequence, stream, stream_id, detected_at, repaired_at,"
    " kind = 'gap', kind || ': ' || detail FROM taskledger.loss"
    " WHERE (kind = 'gap' AND repaired_at IS NOT NULL AND $1::boolean)"
    " OR (kind <> 'gap' AND (repaired_at IS NULL OR $1::boolean)) ORDER BY id"};

static bool visit_book(void *self, const struct postgres_row *row, struct error *error)
{
    struct gaps *gaps = self;
    bool is_gap = postgres_read_boolean(cell_of_row(row, 7));
    struct gap_evidence evidence = {.result = NULL};
    struct gap gap = {
        .cause = is_gap ? GAP_LATE : GAP_INCIDENT,
        .has_producer = cell_of_row(row, 0).data != NULL,
        .first = cell_unsigned(cell_of_row(row, 1)),
        .last = cell_unsigned(cell_of_row(row, 2)),
        .stream = cell_of_row(row, 3),
        .stream_id = cell_of_row(row, 4),
        .noticed_us = cell_time_us(cell_of_row(row, 5)),
        .repaired_us = cell_time_us(cell_of_row(row, 6)),
        .detail = cell_of_row(row, 8),
    };

    gap.state = gap.repaired_us == PROJECTION_NEVER ? GAP_NOTED : GAP_REPAIRED;
    if (gap.has_producer) {
        gap.producer_id = postgres_read_uuid(cell_of_row(row, 0));
        if (!gap_evidence_find(&evidence, gaps->ledger.side, &gap.producer_id, gap.first, gap.last, error))
            return false;
        gap.evidence = &evidence;
    }
    show(gaps, &gap);
    gap_evidence_close(&evidence);
    return true;
}

static bool show_books(struct gaps *gaps, struct error *error)
{
    const uint8_t all = gaps->replay->settings->all;
    const struct postgres_parameter parameter = {.value = slice_of(&all, sizeof all)};

    return postgres_stream(gaps->ledger.main, &books_statement, &parameter, 1, visit_book, gaps, error);
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct column total_columns[] = {
    {"open", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"open_numbers", "numbers missing", COLUMN_INTEGER, COLUMN_CELL},
    {"in_flight", "in flight", COLUMN_INTEGER, COLUMN_CELL},
    {"unknown", "tails unknown", COLUMN_INTEGER, COLUMN_CELL},
    {"noted", "incidents", COLUMN_INTEGER, COLUMN_CELL},
    {"repaired", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"alive", "producers alive", COLUMN_INTEGER, COLUMN_CELL},
    {"producers", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"events", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"snapshot", NULL, COLUMN_TEXT, COLUMN_CELL},
};
/* clang-format on */

static const struct section total_section = {
    .name = "total",
    .item = "total",
    .columns = total_columns,
    .count = sizeof total_columns / sizeof *total_columns,
};

static void write_total(const struct gaps *gaps)
{
    const struct gap_count open = gap_totals_of(&gaps->totals, GAP_OPEN);
    struct value repaired = value_unsigned(gap_totals_of(&gaps->totals, GAP_REPAIRED).gaps);

    repaired.is_given = gaps->replay->settings->all;
    const struct value values[] = {
        value_toned(value_unsigned(open.gaps), open.gaps > 0 ? TONE_BAD : TONE_GOOD),
        value_unsigned(open.numbers),
        value_unsigned(gap_totals_of(&gaps->totals, GAP_IN_FLIGHT).gaps),
        value_unsigned(gap_totals_of(&gaps->totals, GAP_UNKNOWN).gaps),
        value_unsigned(gap_totals_of(&gaps->totals, GAP_NOTED).gaps),
        repaired,
        value_unsigned(gaps->alive),
        value_unsigned(gaps->numbers.producers.count),
        value_unsigned(gaps->numbers.events),
        value_words(gaps->ledger.snapshot),
    };
    static_assert(sizeof values / sizeof *values == sizeof total_columns / sizeof *total_columns, "a value a column");
    output_begin(gaps->replay->output, &total_section);
    output_row(gaps->replay->output, values);
    output_end(gaps->replay->output);
}

static void say_what_may_come(const struct gaps *gaps)
{
    if (gaps->behind.streams > 0)
        console_say("the stream holds events that are not archived yet: some of these may be among them");
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static bool read_filters(struct gaps *gaps, struct error *error)
{
    const struct settings *settings = gaps->replay->settings;

    if (settings->open && settings->all)
        return error_set(error, ERROR_FATAL, "usage", "--open and --all are two answers: give one");
    if (settings->producer == NULL)
        return true;
    gaps->has_producer = uuid_parse(settings->producer, &gaps->producer_id);
    return gaps->has_producer ||
           error_set(error, ERROR_FATAL, "usage", "--producer takes a UUID, not \"%s\"", settings->producer);
}

static bool walk(struct gaps *gaps, struct error *error)
{
    gaps->numbers = (struct numbers){
        .ledger = &gaps->ledger,
        .part = &gaps->part,
        .only = gaps->has_producer ? &gaps->producer_id : NULL,
        .tell = tell,
        .self = gaps,
        .progress = &gaps->progress,
    };
    return ledger_begin_twice(&gaps->ledger, error) &&
           ledger_estimate(&gaps->ledger, &gaps->numbers.expected_events, error) &&
           numbers_walk(&gaps->numbers, error) && show_books(gaps, error);
}

static bool answer(struct gaps *gaps, struct error *error)
{
    gap_rows_begin(gaps->replay->output);
    bool good = walk(gaps, error);
    console_progress_end(&gaps->progress);
    if (!good)
        return false;
    gap_rows_end(gaps->replay->output);
    gap_totals_write(&gaps->totals, gaps->replay->output);
    write_total(gaps);
    return true;
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct gaps gaps = {.replay = replay};

    (void)arguments;
    part_set(&gaps.part, 1, 1);
    console_progress_start(&gaps.progress, replay->clock);
    console_on_interrupt("nothing was changed, and not all was looked at; run it again");
    bool good = read_filters(&gaps, error) && stream_behind_look(replay, &gaps.behind, error) &&
                ledger_open(&gaps.ledger, replay->settings->database_url, replay->clock, error) && answer(&gaps, error);
    if (good) {
        bool is_open = gap_totals_of(&gaps.totals, GAP_OPEN).gaps > 0;

        if (is_open)
            say_what_may_come(&gaps);
        *exit = stream_behind_exit(&gaps.behind, is_open);
    }
    ledger_close(&gaps.ledger);
    return good;
}

static const char *const flags[] = {"--producer", "--worker", "--open", "--all", "--in-flight", NULL};

const struct command gaps_command = {
    .name = "gaps",
    .arguments = "",
    .summary = "which numbers are missing, since when, why, and what may bring them back",
    .description =
        "Every hole in every producer's numbers, found in the events themselves, with its probable cause: what the\n"
        "producer said, whether the chain of digests holds across it, and what else went wrong at that time; whose\n"
        "they were, between which times, and the tasks that were spoken of around them.\n"
        "\n"
        "States: open; in_flight (younger than --in-flight); unknown (a producer that never closed and is silent: it\n"
        "may have said more); noted (the stream or the ledger went back, or an entry was deleted: what it cost are\n"
        "gaps of their own); repaired (came late; with --all).\n"
        "\n"
        "Exit codes: 0 nothing is open, 1 something is, 4 nothing is, but the stream (REDIS_URL) could not be\n"
        "looked at.\n",
    .example = "taskledger-replay gaps\ntaskledger-replay gaps --all --format json\n",
    .flags = flags,
    .is_read = true,
    .run = run,
};
