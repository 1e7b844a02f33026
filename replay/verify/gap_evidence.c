#include "replay/verify/gap_evidence.h"

#include "replay/cell.h"
#include "replay/ledger.h"

/* The range type has no room for its last number, 2^63 - 1; whoever fills `held` leaves it out. */
#define LAST_IN_A_RANGE "9223372036854775806"

/* clang-format off */
/* Something of this kind was noticed between what came before them and, with some patience, what came behind. */
#define WENT_WRONG(kind)                                                                               \
    "EXISTS (SELECT FROM taskledger.loss WHERE loss.kind = '" kind "'"                                 \
    "  AND detected_at >= coalesce(front.recorded_at, p.opened_at, '-infinity') - interval '1 minute'" \
    "  AND detected_at <= coalesce(behind.recorded_at, 'infinity') + interval '10 minutes')"

#define EVENT_OF_IT "FROM taskledger.task_event AS e WHERE e.producer_id = $1::uuid"

static const struct postgres_statement statement = {
    "replay_gap_evidence",
    "SELECT p.worker, p.host, coalesce(p.confirms, false), p.closed_at IS NOT NULL,"
    " coalesce($3::int8 <= p.archived_sequence OR EXISTS (SELECT FROM unnest(p.held) AS r"
    "  WHERE lower(r) <= $2::int8 AND upper(r) > least($3::int8, " LAST_IN_A_RANGE ")), false),"
    " front.occurred_at, behind.occurred_at, latest.recorded_at,"
    " (SELECT min(detected_at) FROM taskledger.loss WHERE loss.kind = 'gap' AND loss.producer_id = $1::uuid"
    "  AND loss.first_sequence <= $3::int8 AND loss.last_sequence >= $2::int8), "
    WENT_WRONG("deleted_while_pending") ", " WENT_WRONG("stream_went_back") ", " WENT_WRONG("ledger_went_back") ","
    " (SELECT jsonb_agg(task_id ORDER BY has_ended, task_id)::text FROM"
    "  (SELECT DISTINCT task_id, task.finished_at IS NOT NULL AS has_ended FROM"
    "    ((SELECT e.task_id " EVENT_OF_IT " AND e.sequence < $2::int8 ORDER BY e.sequence DESC LIMIT 5)"
    "     UNION (SELECT e.task_id " EVENT_OF_IT " AND e.sequence > $3::int8 ORDER BY e.sequence LIMIT 5)) AS near"
    "   LEFT JOIN taskledger.task USING (task_id) WHERE task_id IS NOT NULL) AS affected)"
    " FROM (SELECT $1::uuid AS producer_id) AS asked LEFT JOIN taskledger.producer AS p USING (producer_id)"
    " LEFT JOIN LATERAL (SELECT e.occurred_at, e.recorded_at " EVENT_OF_IT " AND e.sequence < $2::int8"
    "  ORDER BY e.sequence DESC LIMIT 1) AS front ON true"
    " LEFT JOIN LATERAL (SELECT e.occurred_at, e.recorded_at " EVENT_OF_IT " AND e.sequence > $3::int8"
    "  ORDER BY e.sequence LIMIT 1) AS behind ON true"
    " LEFT JOIN LATERAL (SELECT e.recorded_at " EVENT_OF_IT " ORDER BY e.sequence DESC LIMIT 1) AS latest ON true"};
/* clang-format on */

static struct slice text_of(const struct gap_evidence *evidence, size_t column)
{
    return cell_of_result(evidence->result, 0, column);
}

static bool is_true(const struct gap_evidence *evidence, size_t column)
{
    struct slice value = text_of(evidence, column);

    return value.data != NULL && postgres_read_boolean(value);
}

static int64_t time_of(const struct gap_evidence *evidence, size_t column)
{
    return cell_time_us(text_of(evidence, column));
}

bool gap_evidence_find(struct gap_evidence *evidence, struct postgres *postgres, const struct uuid *producer_id,
                       uint64_t first, uint64_t last, struct error *error)
{
    uint8_t bytes[2][sizeof(int64_t)];
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(producer_id->bytes, UUID_BYTES)},
        {.value = ledger_bigint(first, bytes[0])},
        {.value = ledger_bigint(last, bytes[1])},
    };

    *evidence = (struct gap_evidence){.result = NULL};
    if (!postgres_query(postgres, &statement, parameters, 3, &evidence->result, error))
        return false;
    evidence->worker = text_of(evidence, 0);
    evidence->host = text_of(evidence, 1);
    evidence->confirms = is_true(evidence, 2);
    evidence->is_closed = is_true(evidence, 3);
    evidence->was_held = is_true(evidence, 4);
    evidence->after_us = time_of(evidence, 5);
    evidence->before_us = time_of(evidence, 6);
    evidence->heard_us = time_of(evidence, 7);
    evidence->entered_us = time_of(evidence, 8);
    evidence->was_trimmed = is_true(evidence, 9);
    evidence->stream_went_back = is_true(evidence, 10);
    evidence->ledger_went_back = is_true(evidence, 11);
    evidence->tasks = text_of(evidence, 12);
    return true;
}

void gap_evidence_close(struct gap_evidence *evidence)
{
    postgres_result_free(evidence->result);
    evidence->result = NULL;
}
