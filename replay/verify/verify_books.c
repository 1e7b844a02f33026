/* verify: what was set aside, lost, redacted and pruned. */
#include "replay/verify/verify.h"

#include "consumer/ledger/apply.h"
#include "proto/rfc3339.h"
#include "replay/cell.h"
#include "replay/verify/verify_aside.h"

#include <inttypes.h>

/* What was set aside under the number of a redacted event is blank like that. */
static const struct postgres_statement rejected_statement = {
    "replay_rejected", "SELECT producer_id, sequence, stream, stream_id, reason, detail, resolved_at IS NULL,"
                       " payload, payload_bytes, digest, octet_length(payload) = 0 AND EXISTS (SELECT"
                       "   FROM taskledger.redaction d WHERE d.producer_id = r.producer_id AND d.sequence = r.sequence)"
                       " FROM taskledger.rejected_event r ORDER BY id"};

/* Who prunes leaves a record. Whoever may write the books may say so all the same, and nobody should be led astray. */
static const struct postgres_statement pruned_statement = {
    "replay_pruned", "SELECT producer_id, EXISTS (SELECT FROM taskledger.task_event e"
                     "   WHERE e.producer_id = coalesce(p.producer_id, told.producer_id)), pruned_at, coalesce(runs, 0)"
                     " FROM (SELECT producer_id, pruned_at FROM taskledger.producer WHERE pruned_at IS NOT NULL) AS p"
                     " FULL JOIN (SELECT producer_id, count(*) AS runs FROM taskledger.prune_boundary"
                     "  GROUP BY producer_id) AS told USING (producer_id) ORDER BY producer_id"};

static const struct postgres_statement redacted_statement = {
    "replay_redactions", "SELECT r.producer_id, r.sequence, e.task_id, r.reason, r.redacted_by, r.redacted_at,"
                         " e.payload, p.pruned_at IS NOT NULL FROM taskledger.redaction r"
                         " LEFT JOIN taskledger.task_event e USING (producer_id, sequence)"
                         " LEFT JOIN taskledger.producer p USING (producer_id) ORDER BY r.producer_id, r.sequence"};

static const struct postgres_statement bases_statement = {
    "replay_base_only", "SELECT task_id FROM taskledger.task_base WHERE NOT EXISTS"
                        " (SELECT FROM taskledger.producer WHERE pruned_at IS NOT NULL) ORDER BY task_id"};

/* The range type has no room for its last number, 2^63 - 1. */
#define RANGE "int8range(first_sequence, least(last_sequence, 9223372036854775806), '[]')"

/* An entry that was deleted after it was applied and before it was acknowledged is no loss. One scan of the events
 * finds all of those, and none is made when there are no losses. A gap is none when its numbers are held: the consumers
 * may not have said so yet, nor folded what they have. That something went back, or was deleted, is no loss in
 * itself. */
static const struct postgres_statement losses_statement = {
    "replay_losses",
    "WITH missed AS MATERIALIZED (SELECT id, stream, split_part(stream_id, '-', 1)::int8 AS ms,"
    "   split_part(stream_id, '-', 2)::int8 AS seq FROM taskledger.loss"
    "  WHERE repaired_at IS NULL AND kind NOT LIKE '%\\_went\\_back' AND stream_id ~ '^[0-9]{1,18}-[0-9]{1,18}$'),"
    " applied AS (SELECT DISTINCT missed.id FROM missed JOIN taskledger.task_event e"
    "  ON e.stream = missed.stream AND e.stream_ms = missed.ms AND e.stream_seq = missed.seq),"
    " gap AS MATERIALIZED (SELECT id, producer_id, " RANGE " AS told FROM taskledger.loss"
    "  WHERE repaired_at IS NULL AND kind = 'gap'),"
    " run AS (SELECT producer_id, range_agg(" RANGE ") AS held FROM taskledger.producer_run"
    "  WHERE producer_id IN (SELECT producer_id FROM gap) GROUP BY producer_id),"
    " filled AS (SELECT id FROM gap JOIN taskledger.producer p USING (producer_id) LEFT JOIN run USING (producer_id)"
    "  WHERE p.held + coalesce(run.held, '{}') @> told)"
    " SELECT producer_id, first_sequence, last_sequence, stream, stream_id, kind || ': ' || detail,"
    "  repaired_at IS NOT NULL OR id IN (SELECT id FROM applied) OR id IN (SELECT id FROM filled),"
    "  kind LIKE '%\\_went\\_back', kind = 'deleted_while_pending'"
    " FROM taskledger.loss ORDER BY loss.id"};

static void read_producer(const struct postgres_row *row, struct finding *finding)
{
    struct slice producer_id = cell_of_row(row, 0);

    finding->has_producer = producer_id.data != NULL;
    if (finding->has_producer)
        finding->producer_id = postgres_read_uuid(producer_id);
}

static void format_time(const struct postgres_row *row, size_t column, char text[RFC3339_TEXT_BYTES])
{
    text[0] = '\0';
    if (cell_of_row(row, column).data != NULL)
        rfc3339_format(postgres_read_time_us(cell_of_row(row, column)), text);
}

static bool visit_pruned(void *self, const struct postgres_row *row, struct error *error)
{
    struct verify *verify = self;
    bool has_events = postgres_read_boolean(cell_of_row(row, 1)), is_marked = cell_of_row(row, 2).data != NULL;
    uint64_t runs = cell_unsigned(cell_of_row(row, 3));
    struct finding finding = {.kind = is_marked && !has_events && runs > 0 ? VERDICT_PRUNED : VERDICT_NOT_PRUNED};
    char when[RFC3339_TEXT_BYTES];

    (void)error;
    read_producer(row, &finding);
    format_time(row, 2, when);
    if (finding.kind == VERDICT_PRUNED)
        verify_report_add(&verify->report, &finding, "pruned %s; its record tells of %" PRIu64 " %s", when, runs,
                          runs == 1 ? "run of numbers" : "runs of numbers");
    else if (!is_marked)
        verify_report_add(&verify->report, &finding, "a record tells of its pruning, and it is not marked as pruned");
    else
        verify_report_add(&verify->report, &finding, "marked as pruned, %s",
                          has_events ? "and its events are there" : "and there is no record of what was");
    return true;
}

/* What is pruned leaves its redactions behind. */
static bool visit_redacted(void *self, const struct postgres_row *row, struct error *error)
{
    struct verify *verify = self;
    struct slice payload = cell_of_row(row, 6);
    struct finding finding = {
        .kind = VERDICT_REDACTED,
        .first = cell_unsigned(cell_of_row(row, 1)),
        .last = cell_unsigned(cell_of_row(row, 1)),
        .task_id = cell_of_row(row, 2),
    };
    char when[RFC3339_TEXT_BYTES];

    (void)error;
    verify->totals.redactions++;
    read_producer(row, &finding);
    format_time(row, 5, when);
    verify_report_add(&verify->report, &finding, "%s by %.*s: %.*s", when, SLICE_PRINT(cell_of_row(row, 4)),
                      SLICE_PRINT(cell_of_row(row, 3)));
    finding.kind = VERDICT_REDACTION;
    if (payload.data == NULL && !postgres_read_boolean(cell_of_row(row, 7)))
        verify_report_add(&verify->report, &finding, "a redaction tells of it, and it is not there");
    else if (payload.size > 0)
        verify_report_add(&verify->report, &finding, "a redaction tells of it, and its content is there");
    return true;
}

static bool visit_base(void *self, const struct postgres_row *row, struct error *error)
{
    struct verify *verify = self;
    const struct finding finding = {.kind = VERDICT_BASE, .task_id = cell_of_row(row, 0)};

    (void)error;
    verify_report_add(&verify->report, &finding, "a base of pruned events, and no producer was pruned");
    return true;
}

static bool visit_rejected(void *self, const struct postgres_row *row, struct error *error)
{
    struct verify *verify = self;
    struct slice conflict = slice_from_text(apply_reason_names[APPLY_IDENTITY_CONFLICT]);
    struct slice reason = cell_of_row(row, 4);
    bool is_conflict = slice_equal(reason, conflict);
    struct finding finding = {
        .kind = is_conflict ? VERDICT_CONFLICT : VERDICT_REJECTED,
        .first = cell_unsigned(cell_of_row(row, 1)),
        .last = cell_unsigned(cell_of_row(row, 1)),
        .stream = cell_of_row(row, 2),
        .stream_id = cell_of_row(row, 3),
    };

    verify->totals.set_aside++;
    read_producer(row, &finding);
    const struct verify_aside aside = {
        .finding = &finding,
        .is_malformed = slice_equal(reason, slice_from_text(apply_reason_names[APPLY_MALFORMED_ENTRY])),
        .payload = cell_of_row(row, 7),
        .payload_bytes = cell_unsigned(cell_of_row(row, 8)),
        .digest = cell_of_row(row, 9),
    };
    if (!postgres_read_boolean(cell_of_row(row, 10)) && !verify_aside_check(&aside, &verify->report, error))
        return false;
    if (postgres_read_boolean(cell_of_row(row, 6)))
        verify_report_add(&verify->report, &finding, "%.*s: %.*s", SLICE_PRINT(reason),
                          SLICE_PRINT(cell_of_row(row, 5)));
    return true;
}

static bool visit_loss(void *self, const struct postgres_row *row, struct error *error)
{
    struct verify *verify = self;
    struct finding finding = {
        .kind = VERDICT_LOSS,
        .first = cell_unsigned(cell_of_row(row, 1)),
        .last = cell_unsigned(cell_of_row(row, 2)),
        .stream = cell_of_row(row, 3),
        .stream_id = cell_of_row(row, 4),
    };

    (void)error;
    verify->totals.losses++;
    read_producer(row, &finding);
    if (postgres_read_boolean(cell_of_row(row, 7)))
        finding.kind = VERDICT_WENT_BACK;
    if (postgres_read_boolean(cell_of_row(row, 8)))
        finding.kind = VERDICT_DELETED;
    if (!postgres_read_boolean(cell_of_row(row, 6)))
        verify_report_add(&verify->report, &finding, "%.*s", SLICE_PRINT(cell_of_row(row, 5)));
    return true;
}

bool verify_books(struct verify *verify, struct error *error)
{
    struct postgres *ledger = verify->ledger.main;

    return postgres_stream(ledger, &rejected_statement, NULL, 0, visit_rejected, verify, error) &&
           postgres_stream(ledger, &losses_statement, NULL, 0, visit_loss, verify, error) &&
           postgres_stream(ledger, &redacted_statement, NULL, 0, visit_redacted, verify, error) &&
           postgres_stream(ledger, &pruned_statement, NULL, 0, visit_pruned, verify, error) &&
           postgres_stream(ledger, &bases_statement, NULL, 0, visit_base, verify, error);
}

/* Whose it was nobody can tell: while any producer may lack a number it may be that one. */
void verify_deleted(struct verify *verify)
{
    static const enum verdict_kind lacking[] = {VERDICT_HOLE, VERDICT_TAIL, VERDICT_TAIL_UNKNOWN, VERDICT_IN_FLIGHT};
    uint64_t count = 0;

    for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++)
        count += verify->report.counts.of[lacking[i]];
    if (count > 0)
        verify_report_turn(&verify->report, VERDICT_DELETED, VERDICT_LOSS);
}
