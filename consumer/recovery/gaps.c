#include "consumer/recovery/gaps.h"

#include <endian.h>
#include <string.h>

/* Of a row `l` of loss, or of producer_run. The range type has no room for its last number, 2^63 - 1. */
#define LAST_IN_A_RANGE "9223372036854775806"

/* A producer may number as it likes: a few such ranges are more than a bigint holds. */
#define NUMBERS_IN(ranges) "least(coalesce(sum(upper(r) - lower(r)), 0), 9223372036854775807)::int8 FROM " ranges

#define NUMBERS_OF_L "int8range(l.first_sequence, least(l.last_sequence, " LAST_IN_A_RANGE "), '[]')"

/* The next producers, of those that may still say something: they take a new identity after 7 days. */
static const struct postgres_statement sweep = {
    .name = "gaps_sweep",
    .sql =
        "WITH page AS ("
        "  SELECT producer_id, gap_since IS NULL AND pruned_at IS NULL"
        "    AND archived_sequence < greatest(upper(held) - 1, last_sequence, known_sequence) AS is_new"
        "  FROM taskledger.producer"
        "  WHERE producer_id > coalesce($1::uuid, taskledger.first_uuid(now() - interval '8 days'))"
        "  ORDER BY producer_id LIMIT $2::int"
        "), found AS ("
        "  SELECT producer_id FROM taskledger.producer WHERE producer_id IN (SELECT producer_id FROM page WHERE is_new)"
        "  ORDER BY producer_id FOR UPDATE"
        "), noted AS ("
        "  UPDATE taskledger.producer AS p SET gap_since = now() FROM found WHERE p.producer_id = found.producer_id"
        ") SELECT producer_id, (SELECT count(*) FROM page) FROM page ORDER BY producer_id DESC LIMIT 1",
};

/* What is missing in the rows that stand open is what they say, less what is held. */
static const struct postgres_statement repair = {
    .name = "gaps_repair",
    .sql =
        "WITH touched AS ("
        "  SELECT l.id, l.detected_at, l.producer_id, l.detail, p.held, int8multirange(" NUMBERS_OF_L ") AS told"
        "  FROM taskledger.loss l JOIN taskledger.producer p USING (producer_id)"
        "  WHERE l.kind = 'gap' AND l.repaired_at IS NULL AND p.held && " NUMBERS_OF_L "  ORDER BY l.id LIMIT $1::int"
        "), piece AS ("
        "  SELECT id, true AS came, r, row_number() OVER (PARTITION BY id ORDER BY r) AS place"
        "  FROM touched, unnest(told * held) AS r"
        "  UNION ALL SELECT id, false, r, 0 FROM touched, unnest(told - held) AS r"
        "), closed AS ("
        "  UPDATE taskledger.loss AS l SET first_sequence = lower(r), last_sequence = upper(r) - 1, repaired_at = now()"
        "  FROM piece WHERE l.id = piece.id AND came AND place = 1"
        "), split AS ("
        "  INSERT INTO taskledger.loss (detected_at, kind, producer_id, first_sequence, last_sequence, detail,"
        "    repaired_at)"
        "  SELECT detected_at, 'gap', producer_id, lower(r), upper(r) - 1, detail, CASE WHEN came THEN now() END"
        "  FROM piece JOIN touched USING (id) WHERE place <> 1"
        ") SELECT count(*), " NUMBERS_IN("piece WHERE came"),
};

/* What was noted and is missing still, and stands in no open row; then what is missing now is noted. What is held and
 * not yet folded is not missing. Those that wait longest come first: gaps that stand open for ever are looked at again
 * and again, and must not keep the others waiting. Rows of producers are locked in the order that all keep. $4 is at
 * least the grace. */
static const struct postgres_statement detect = {
    .name = "gaps_detect",
    .sql = "WITH due AS ("
           "  SELECT producer_id, gap, worker, host, least(last_sequence, " LAST_IN_A_RANGE ") AS last_sequence,"
           "    held, least(greatest(upper(held) - 1, last_sequence, known_sequence), " LAST_IN_A_RANGE ") AS known"
           "  FROM taskledger.producer WHERE producer_id = ANY (ARRAY("
           "    SELECT producer_id FROM taskledger.producer"
           "    WHERE gap_since IS NOT NULL AND pruned_at IS NULL"
           "      AND (gap IS NULL OR gap_since <= now() - $4::int8 * interval '1 ms')"
           "    ORDER BY gap_since LIMIT $2::int))"
           "  ORDER BY producer_id FOR UPDATE"
           "), run AS ("
           "  SELECT l.producer_id, range_agg(" NUMBERS_OF_L ") AS runs FROM taskledger.producer_run l"
           "  WHERE l.first_sequence <= " LAST_IN_A_RANGE " AND l.producer_id IN (SELECT producer_id FROM due)"
           "  GROUP BY l.producer_id"
           "), looked AS ("
           "  SELECT *, int8multirange(int8range(1, known, '[]')) - held - coalesce(runs, '{}') AS missing"
           "  FROM due LEFT JOIN run USING (producer_id)"
           "), lost AS ("
           "  SELECT producer_id, worker, host, last_sequence, r"
           "  FROM looked, unnest(missing * gap - coalesce((SELECT range_agg(" NUMBERS_OF_L ")"
           "    FROM taskledger.loss l WHERE l.kind = 'gap' AND l.repaired_at IS NULL"
           "    AND l.producer_id = looked.producer_id), '{}')) AS r"
           "  LIMIT $3::int"
           "), noted AS ("
           "  UPDATE taskledger.producer AS p SET gap = nullif(missing, '{}'),"
           "    gap_since = CASE WHEN missing <> '{}' THEN now() END"
           "  FROM looked WHERE p.producer_id = looked.producer_id"
           "), told AS ("
           "  INSERT INTO taskledger.loss (kind, producer_id, first_sequence, last_sequence, detail)"
           "  SELECT 'gap', producer_id, lower(r), upper(r) - 1, concat("
           "    CASE WHEN upper(r) - 1 = last_sequence THEN 'the producer''s end was told, and what comes before it "
           "has not'"
           "    ELSE 'later ones are held or known of, and these have not' END,"
           "    ' come for ', $1::int8 / 1000.0::float8, ' s',"
           "    '; worker ' || nullif(left(worker, 60), ''), ' on host ' || nullif(left(host, 60), ''))"
           "  FROM lost ORDER BY producer_id, r"
           ") SELECT (SELECT count(*) FROM lost), (SELECT " NUMBERS_IN("lost") "),"
                                                                               "  (SELECT count(*) FROM due)",
};

/* What it cost is told by gaps: by now by all of them. Of an entry that is gone nobody can tell whose number it had: it
 * has come again, or is a gap, or was the last of a producer that never told its end. */
static const struct postgres_statement close_incidents = {
    .name = "gaps_close_incidents",
    .sql = "UPDATE taskledger.loss SET repaired_at = now(), detail = concat_ws('; ', nullif(detail, ''),"
           "  'two graces later no known number was missing')"
           " WHERE id = ANY (ARRAY(SELECT id FROM taskledger.loss"
           "   WHERE repaired_at IS NULL AND kind IN ('stream_went_back', 'ledger_went_back', 'deleted_while_pending')"
           "    AND detected_at < now() - (2 * $1::int8 + $2::int8) * interval '1 ms' LIMIT $3::int))"
           "  AND NOT EXISTS (SELECT FROM taskledger.loss WHERE kind = 'gap' AND repaired_at IS NULL)",
};

static const struct postgres_statement count_open = {
    .name = "gaps_count_open",
    .sql = "SELECT kind, count(*) FROM taskledger.loss WHERE repaired_at IS NULL GROUP BY kind",
};

int64_t gaps_due_us(const struct gaps *gaps)
{
    return gaps->due_us;
}

void gaps_rest(struct gaps *gaps)
{
    memset(gaps->counters.open, 0, sizeof gaps->counters.open);
    gaps->due_us = clock_deadline_us(gaps->clock, GAPS_REST_MS);
}

static int64_t number(const struct postgres_result *result, size_t row, size_t column)
{
    struct slice value;

    return row < postgres_rows(result) && postgres_value(result, row, column, &value) ? postgres_read_int64(value) : 0;
}

/* A page, and after the last one the first again. */
static bool sweep_on(struct gaps *gaps, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint32_t limit = htobe32(GAPS_SWEEP_PAGE);
    struct slice last;
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(gaps->after.bytes, UUID_BYTES), .is_null = !gaps->is_amid_sweep},
        {.value = slice_of(&limit, sizeof limit)},
    };

    if (!postgres_query(gaps->postgres, &sweep, parameters, 2, &result, error))
        return false;
    gaps->is_amid_sweep = number(result, 0, 1) == GAPS_SWEEP_PAGE && postgres_value(result, 0, 0, &last);
    if (gaps->is_amid_sweep)
        gaps->after = postgres_read_uuid(last);
    return true;
}

static bool repair_rows(struct gaps *gaps, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint32_t limit = htobe32(GAPS_ROWS_MAX);
    const struct postgres_parameter parameter = {.value = slice_of(&limit, sizeof limit)};

    if (!postgres_query(gaps->postgres, &repair, &parameter, 1, &result, error))
        return false;
    gaps->counters.repaired += (uint64_t)number(result, 0, 0);
    gaps->counters.repaired_events += (uint64_t)number(result, 0, 1);
    return true;
}

/* What was noted before that has had its grace, and nothing that lies in a stream is older. */
static uint64_t patience_ms(const struct gaps *gaps)
{
    return (uint64_t)(gaps->unsettled_ms > gaps->grace_ms ? gaps->unsettled_ms : gaps->grace_ms);
}

static bool detect_rows(struct gaps *gaps, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint64_t grace = htobe64((uint64_t)gaps->grace_ms);
    uint64_t patience = htobe64(patience_ms(gaps));
    uint32_t producers = htobe32(GAPS_PRODUCERS_MAX);
    uint32_t rows = htobe32(GAPS_ROWS_MAX);
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(&grace, sizeof grace)},
        {.value = slice_of(&producers, sizeof producers)},
        {.value = slice_of(&rows, sizeof rows)},
        {.value = slice_of(&patience, sizeof patience)},
    };

    if (!postgres_query(gaps->postgres, &detect, parameters, 4, &result, error))
        return false;
    gaps->counters.detected += (uint64_t)number(result, 0, 0);
    gaps->counters.detected_events += (uint64_t)number(result, 0, 1);
    gaps->is_behind = number(result, 0, 2) == GAPS_PRODUCERS_MAX;
    return true;
}

static bool close_rows_of_incidents(struct gaps *gaps, struct error *error)
{
    uint64_t patience = htobe64(patience_ms(gaps));
    uint64_t look = htobe64((uint64_t)GAPS_LOOK_MS_MAX);
    uint32_t rows = htobe32(GAPS_ROWS_MAX);
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(&patience, sizeof patience)},
        {.value = slice_of(&look, sizeof look)},
        {.value = slice_of(&rows, sizeof rows)},
    };

    return postgres_query(gaps->postgres, &close_incidents, parameters, 3, NULL, error);
}

static bool count_rows(struct gaps *gaps, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;

    if (!postgres_query(gaps->postgres, &count_open, NULL, 0, &result, error))
        return false;
    memset(gaps->counters.open, 0, sizeof gaps->counters.open);
    for (size_t row = 0; row < postgres_rows(result); row++) {
        struct slice kind;

        for (size_t i = 0; i < LOSS_KINDS && postgres_value(result, row, 0, &kind); i++)
            if (slice_equal(kind, slice_from_text(loss_kind_names[i])))
                gaps->counters.open[i] = number(result, row, 1);
    }
    return true;
}

/* Redis is asked before the ledger: what is settled by then is held by then. */
static bool look(struct gaps *gaps, struct redis *line, struct error *error)
{
    return unsettled_age(&gaps->streams, line, &gaps->unsettled_ms, error) && sweep_on(gaps, error) &&
           repair_rows(gaps, error) && detect_rows(gaps, error) && close_rows_of_incidents(gaps, error) &&
           count_rows(gaps, error);
}

static int64_t between(int64_t least, int64_t value, int64_t greatest)
{
    if (value > greatest)
        value = greatest;
    return value < least ? least : value;
}

/* Half a grace is often enough not to be much later than promised. */
static int64_t pause_us(const struct gaps *gaps, int64_t took_us)
{
    int64_t most_ms = gaps->is_behind ? GAPS_LOOK_MS_MIN : GAPS_LOOK_MS_MAX;
    int64_t usual_us = 1000 * between(GAPS_LOOK_MS_MIN, gaps->grace_ms / 2, most_ms);

    return between(usual_us, GAPS_PAUSE_FACTOR * took_us, 1000 * (int64_t)GAPS_PAUSE_MS_MAX);
}

bool gaps_round(struct gaps *gaps, struct redis *line, struct error *error)
{
    int64_t started_us = gaps->clock->monotonic_us(gaps->clock->self);

    if (started_us < gaps->due_us)
        return true;
    bool good = look(gaps, line, error);
    int64_t now_us = gaps->clock->monotonic_us(gaps->clock->self);
    gaps->due_us = now_us + pause_us(gaps, now_us - started_us);
    return good;
}
