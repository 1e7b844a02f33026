#include "replay/transfer/record.h"

#include "replay/ledger_task.h"

#include <assert.h>

/* ---- the fields: numbers are for ever ---------------------------------------------------------------------------- */

static const struct record_field begin_fields[] = {
    {"format", 1, RECORD_TEXT}, {"version", 2, RECORD_INT8},  {"program", 3, RECORD_TEXT},
    {"ledger", 4, RECORD_TEXT}, {"snapshot", 5, RECORD_TEXT}, {"taken_at", 6, RECORD_TIME},
    {"scope", 7, RECORD_TEXT},  {"since", 8, RECORD_TIME},    {"until", 9, RECORD_TIME},
};

static const struct record_field redaction_fields[] = {
    {"producer_id", 1, RECORD_UUID},      {"sequence", 2, RECORD_INT8},    {"digest", 3, RECORD_DIGEST},
    {"reason", 4, RECORD_TEXT},           {"redacted_at", 5, RECORD_TIME}, {"redacted_by", 6, RECORD_TEXT},
    {"previous_digest", 7, RECORD_BYTES},
};

static const struct record_field producer_fields[] = {
    {"producer_id", 1, RECORD_UUID},
    {"host", 2, RECORD_TEXT},
    {"pid", 3, RECORD_INT8},
    {"worker", 4, RECORD_TEXT},
    {"library_version", 5, RECORD_TEXT},
    {"confirms", 6, RECORD_BOOLEAN},
    {"opened_at", 7, RECORD_TIME},
    {"closed_at", 8, RECORD_TIME},
    {"last_sequence", 9, RECORD_INT8},
    {"known_sequence", 10, RECORD_INT8},
    {"pruned_at", 11, RECORD_TIME},
    {"held", 12, RECORD_TEXT},
    {"archived_sequence", 13, RECORD_INT8},
    {"late_events", 14, RECORD_INT8},
};

static const struct record_field boundary_fields[] = {
    {"producer_id", 1, RECORD_UUID}, {"first_sequence", 2, RECORD_INT8}, {"last_sequence", 3, RECORD_INT8},
    {"digest", 4, RECORD_DIGEST},    {"pruned_at", 5, RECORD_TIME},
};

/* As LEDGER_TASK_COLUMNS, which is also the order of consumer/ledger/task_rows.c. */
static const struct record_field base_fields[] = {
    {"task_id", 1, RECORD_TEXT},      {"status", 2, RECORD_TEXT},
    {"attempt", 3, RECORD_INT4},      {"step", 4, RECORD_TEXT},
    {"progress", 5, RECORD_DOUBLE},   {"message", 6, RECORD_TEXT},
    {"worker", 7, RECORD_TEXT},       {"queue", 8, RECORD_TEXT},
    {"task_name", 9, RECORD_TEXT},    {"parent_task_id", 10, RECORD_TEXT},
    {"error_type", 11, RECORD_TEXT},  {"error_message", 12, RECORD_TEXT},
    {"data", 13, RECORD_JSON},        {"first_at", 14, RECORD_TIME},
    {"queued_at", 15, RECORD_TIME},   {"started_at", 16, RECORD_TIME},
    {"finished_at", 17, RECORD_TIME}, {"occurred_at", 18, RECORD_TIME},
    {"producer_id", 19, RECORD_UUID}, {"sequence", 20, RECORD_INT8},
    {"event_count", 21, RECORD_INT8},
};

static const struct record_field rejected_fields[] = {
    {"stream", 1, RECORD_TEXT},        {"stream_id", 2, RECORD_TEXT},    {"producer_id", 3, RECORD_UUID},
    {"sequence", 4, RECORD_INT8},      {"digest", 5, RECORD_DIGEST},     {"payload", 6, RECORD_BYTES},
    {"payload_bytes", 7, RECORD_INT8}, {"reason", 8, RECORD_TEXT},       {"detail", 9, RECORD_TEXT},
    {"deliveries", 10, RECORD_INT8},   {"rejected_at", 11, RECORD_TIME}, {"resolved_at", 12, RECORD_TIME},
    {"resolution", 13, RECORD_TEXT},
};

static const struct record_field loss_fields[] = {
    {"detected_at", 1, RECORD_TIME},    {"loss_kind", 2, RECORD_TEXT},     {"producer_id", 3, RECORD_UUID},
    {"first_sequence", 4, RECORD_INT8}, {"last_sequence", 5, RECORD_INT8}, {"stream", 6, RECORD_TEXT},
    {"stream_id", 7, RECORD_TEXT},      {"detail", 8, RECORD_TEXT},        {"repaired_at", 9, RECORD_TIME},
};

static const struct record_field event_fields[] = {
    [ROW_PRODUCER_ID] = {"producer_id", 1, RECORD_UUID},
    [ROW_SEQUENCE] = {"sequence", 2, RECORD_INT8},
    [ROW_OCCURRED_AT] = {"occurred_at", 3, RECORD_TIME},
    [ROW_RECORDED_AT] = {"recorded_at", 4, RECORD_TIME},
    [ROW_TASK_ID] = {"task_id", 5, RECORD_TEXT},
    [ROW_STATUS] = {"status", 6, RECORD_TEXT},
    [ROW_ATTEMPT] = {"attempt", 7, RECORD_INT4},
    [ROW_STREAM] = {"stream", 8, RECORD_TEXT},
    [ROW_STREAM_MS] = {"stream_ms", 9, RECORD_INT8},
    [ROW_STREAM_SEQ] = {"stream_seq", 10, RECORD_INT8},
    [ROW_PAYLOAD] = {"payload", 11, RECORD_BYTES},
    [ROW_REDACTED_DIGEST] = {"redacted_digest", 12, RECORD_DIGEST},
    {"task_name", 0, RECORD_TEXT},
    {"parent_task_id", 0, RECORD_TEXT},
    {"queue", 0, RECORD_TEXT},
    {"worker", 0, RECORD_TEXT},
    {"step", 0, RECORD_TEXT},
    {"progress", 0, RECORD_DOUBLE},
    {"message", 0, RECORD_TEXT},
    {"error_type", 0, RECORD_TEXT},
    {"error_message", 0, RECORD_TEXT},
    {"data", 0, RECORD_JSON},
    {"traceparent", 0, RECORD_TEXT},
    [ROW_BODY] = {"body", 0, RECORD_TEXT},
    [ROW_SAID] = {"said", 0, RECORD_JSON},
};

static const struct record_field end_fields[] = {
    [END_RECORDS] = {"records", 1, RECORD_INT8},
    [END_EVENTS] = {"events", 2, RECORD_INT8},
    [END_DIGEST] = {"sha256", 3, RECORD_DIGEST},
};

/* ---- out of a ledger, and into one ------------------------------------------------------------------------------- */

/* Whatever is written twice is there once. */
static const char write_redactions[] =
    "WITH added AS (INSERT INTO taskledger.redaction (producer_id, sequence, digest, reason, redacted_at, redacted_by,"
    " previous_digest)"
    " SELECT * FROM unnest($1::uuid[], $2::int8[], $3::bytea[], $4::text[], $5::timestamptz[], $6::text[],"
    " $7::bytea[]) AS new (producer_id, sequence, digest, reason, redacted_at, redacted_by, previous_digest)"
    " WHERE NOT EXISTS (SELECT FROM taskledger.task_event AS e WHERE e.producer_id = new.producer_id"
    "  AND e.sequence = new.sequence AND e.payload <> '')"
    " ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM added";

/* What a producer's own events tell is known from them, unless they are gone. What it holds is a matter of what is
 * stored; of one that was pruned only the book tells. */
static const char write_producers[] =
    "WITH added AS (INSERT INTO taskledger.producer AS p (producer_id, host, pid, worker, library_version, confirms, "
    "opened_at,"
    " closed_at, last_sequence, known_sequence, pruned_at, held, archived_sequence, late_events)"
    " SELECT producer_id, host, pid, worker, library_version, confirms, opened_at, closed_at, last_sequence,"
    "  known_sequence, pruned_at, coalesce(held::int8multirange, '{}'), coalesce(archived_sequence, 0),"
    "  coalesce(late_events, 0)"
    " FROM unnest($1::uuid[], $2::text[], $3::int8[], $4::text[], $5::text[], $6::bool[], $7::timestamptz[],"
    "  $8::timestamptz[], $9::int8[], $10::int8[], $11::timestamptz[], $12::text[], $13::int8[], $14::int8[])"
    " AS new (producer_id, host, pid, worker, library_version, confirms, opened_at, closed_at, last_sequence,"
    "  known_sequence, pruned_at, held, archived_sequence, late_events)"
    " ORDER BY producer_id"
    " ON CONFLICT (producer_id) DO UPDATE SET"
    "  host = coalesce(p.host, excluded.host), pid = coalesce(p.pid, excluded.pid),"
    "  worker = coalesce(p.worker, excluded.worker),"
    "  library_version = coalesce(p.library_version, excluded.library_version),"
    "  confirms = coalesce(p.confirms, excluded.confirms), opened_at = least(p.opened_at, excluded.opened_at),"
    "  closed_at = greatest(p.closed_at, excluded.closed_at),"
    "  last_sequence = greatest(p.last_sequence, excluded.last_sequence),"
    "  known_sequence = greatest(p.known_sequence, excluded.known_sequence),"
    "  pruned_at = coalesce(p.pruned_at, excluded.pruned_at), held = p.held + excluded.held,"
    "  archived_sequence = greatest(p.archived_sequence, excluded.archived_sequence),"
    "  late_events = greatest(p.late_events, excluded.late_events)"
    " RETURNING p.xmax = 0 AS is_new) SELECT count(*) FROM added WHERE is_new";

static const char write_boundaries[] =
    "WITH added AS (INSERT INTO taskledger.prune_boundary (producer_id, first_sequence, last_sequence, digest, "
    "pruned_at)"
    " SELECT * FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::bytea[], $5::timestamptz[])"
    " ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM added";

static const char write_bases[] =
    "INSERT INTO taskledger.task_base (" LEDGER_TASK_COLUMNS ")"
    " SELECT task_id, status::taskledger.task_status, attempt, step, progress, message, worker, queue, task_name,"
    "  parent_task_id, error_type, error_message, data, first_at, queued_at, started_at, finished_at, occurred_at,"
    "  producer_id, sequence, event_count"
    " FROM unnest($1::text[], $2::text[], $3::int4[], $4::text[], $5::float8[], $6::text[], $7::text[], $8::text[],"
    "  $9::text[], $10::text[], $11::text[], $12::text[], $13::jsonb[], $14::timestamptz[], $15::timestamptz[],"
    "  $16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::uuid[], $20::int8[], $21::int8[])"
    " AS new (" LEDGER_TASK_COLUMNS ")"
    " ON CONFLICT (task_id) DO NOTHING RETURNING task_id";

/* A number that was set aside is held. */
static const char write_rejected[] =
    "WITH added AS ("
    " INSERT INTO taskledger.rejected_event (stream, stream_id, producer_id, sequence, digest, payload, payload_bytes,"
    "  reason, detail, deliveries, rejected_at, resolved_at, resolution)"
    " SELECT stream, stream_id, producer_id, sequence, digest, payload, payload_bytes, reason, detail, deliveries,"
    "  rejected_at, resolved_at, resolution"
    " FROM unnest($1::text[], $2::text[], $3::uuid[], $4::int8[], $5::bytea[], $6::bytea[], $7::int8[], $8::text[],"
    "  $9::text[], $10::int8[], $11::timestamptz[], $12::timestamptz[], $13::text[]) WITH ORDINALITY"
    " AS new (stream, stream_id, producer_id, sequence, digest, payload, payload_bytes, reason, detail, deliveries,"
    "  rejected_at, resolved_at, resolution, ordinal)"
    " ORDER BY ordinal ON CONFLICT (digest) DO NOTHING RETURNING producer_id, sequence),"
    " run AS (INSERT INTO taskledger.producer_run (producer_id, first_sequence, last_sequence)"
    "  SELECT producer_id, sequence, sequence FROM added WHERE producer_id IS NOT NULL)"
    " SELECT count(*) FROM added";

static const char write_losses[] =
    "WITH added AS (INSERT INTO taskledger.loss (detected_at, kind, producer_id, first_sequence, last_sequence, "
    "stream, stream_id,"
    " detail, repaired_at)"
    " SELECT detected_at, kind, producer_id, first_sequence, last_sequence, stream, stream_id, detail, repaired_at"
    " FROM unnest($1::timestamptz[], $2::text[], $3::uuid[], $4::int8[], $5::int8[], $6::text[], $7::text[],"
    "  $8::text[], $9::timestamptz[]) WITH ORDINALITY"
    " AS new (detected_at, kind, producer_id, first_sequence, last_sequence, stream, stream_id, detail, repaired_at,"
    "  ordinal)"
    " WHERE NOT EXISTS (SELECT FROM taskledger.loss AS l WHERE l.detected_at = new.detected_at AND l.kind = new.kind"
    "  AND l.detail = new.detail AND (l.producer_id, l.first_sequence, l.last_sequence, l.stream, l.stream_id)"
    "  IS NOT DISTINCT FROM (new.producer_id, new.first_sequence, new.last_sequence, new.stream, new.stream_id))"
    " ORDER BY ordinal ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM added";

#define FORM(word, table) .name = (word), .fields = (table), .count = sizeof(table) / sizeof(table)[0]

/* clang-format off */
const struct record_form record_forms[RECORD_KINDS] = {
    [RECORD_BEGIN] = {FORM("begin", begin_fields)},
    [RECORD_REDACTION] = {
        FORM("redaction", redaction_fields),
        .read = {"export_redactions", "SELECT producer_id, sequence, digest, reason, redacted_at, redacted_by,"
                 " previous_digest"
                 " FROM taskledger.redaction ORDER BY producer_id, sequence"},
        .write = {"import_redactions", write_redactions}},
    [RECORD_PRODUCER] = {
        FORM("producer", producer_fields),
        .read = {"export_producers", "SELECT producer_id, host, pid, worker, library_version, confirms, opened_at,"
                 " closed_at, last_sequence, known_sequence, pruned_at,"
                 " CASE WHEN pruned_at IS NOT NULL THEN held::text END,"
                 " CASE WHEN pruned_at IS NOT NULL THEN archived_sequence END,"
                 " CASE WHEN pruned_at IS NOT NULL THEN late_events END"
                 " FROM taskledger.producer ORDER BY producer_id"},
        .write = {"import_producers", write_producers}},
    [RECORD_BOUNDARY] = {
        FORM("boundary", boundary_fields),
        .read = {"export_boundaries", "SELECT producer_id, first_sequence, last_sequence, digest, pruned_at"
                 " FROM taskledger.prune_boundary ORDER BY producer_id, first_sequence, last_sequence"},
        .write = {"import_boundaries", write_boundaries}},
    [RECORD_BASE] = {
        FORM("base", base_fields),
        .read = {"export_bases", "SELECT " LEDGER_TASK_COLUMNS " FROM taskledger.task_base ORDER BY task_id"},
        .write = {"import_bases", write_bases}},
    [RECORD_REJECTED] = {
        FORM("rejected", rejected_fields),
        .read = {"export_rejected", "SELECT stream, stream_id, producer_id, sequence, digest, payload, payload_bytes,"
                 " reason, detail, deliveries, rejected_at, resolved_at, resolution"
                 " FROM taskledger.rejected_event ORDER BY id"},
        .write = {"import_rejected", write_rejected}},
    [RECORD_LOSS] = {
        FORM("loss", loss_fields),
        .read = {"export_losses", "SELECT detected_at, kind, producer_id, first_sequence, last_sequence, stream,"
                 " stream_id, detail, repaired_at FROM taskledger.loss ORDER BY id"},
        .write = {"import_losses", write_losses}},
    [RECORD_EVENT] = {
        FORM("event", event_fields),
        .read = {"export_events", "SELECT " RECORD_EVENT_COLUMNS
                 " FROM taskledger.task_event AS e ORDER BY e.producer_id, e.sequence"}},
    [RECORD_END] = {FORM("end", end_fields)},
};
/* clang-format on */

enum record_kind record_kind_of(struct slice name)
{
    for (enum record_kind kind = RECORD_BEGIN; kind < RECORD_KINDS; kind++)
        if (slice_equal(name, slice_from_text(record_forms[kind].name)))
            return kind;
    return 0;
}

enum columns_type record_columns_type(enum record_type type)
{
    static const enum columns_type types[] = {
        [RECORD_UUID] = COLUMNS_UUID,    [RECORD_INT4] = COLUMNS_INT4,     [RECORD_INT8] = COLUMNS_INT8,
        [RECORD_TIME] = COLUMNS_TIME,    [RECORD_TEXT] = COLUMNS_TEXT,     [RECORD_BYTES] = COLUMNS_BYTEA,
        [RECORD_DIGEST] = COLUMNS_BYTEA, [RECORD_DOUBLE] = COLUMNS_FLOAT8, [RECORD_BOOLEAN] = COLUMNS_BOOLEAN,
        [RECORD_JSON] = COLUMNS_JSONB,
    };

    return types[type];
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Between the beginning of 2000, PostgreSQL's, and that of 1970. */
#define EPOCH_US INT64_C(946684800000000)

bool record_put_integer(struct record *record, size_t place, int64_t value, struct arena *arena)
{
    enum record_type type = record_forms[record->kind].fields[place].type;
    size_t size = type == RECORD_INT4 ? sizeof(int32_t) : sizeof value;
    uint8_t *bytes = arena_take(arena, size);

    if (bytes == NULL)
        return false;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((uint64_t)value >> (8 * (size - 1 - i)));
    record->values[place] = slice_of(bytes, size);
    return true;
}

bool record_put_time(struct record *record, size_t place, int64_t unix_us, struct arena *arena)
{
    return record_put_integer(record, place, unix_us - EPOCH_US, arena);
}

int64_t record_integer(const struct record *record, size_t place)
{
    struct slice value = record->values[place];

    if (value.data == NULL)
        return 0;
    return value.size == sizeof(int32_t) ? postgres_read_int32(value) : postgres_read_int64(value);
}

int64_t record_time_us(const struct record *record, size_t place)
{
    return record->values[place].data == NULL ? 0 : postgres_read_time_us(record->values[place]);
}
