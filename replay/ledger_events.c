#include "replay/ledger_events.h"

#include "proto/status.h"
#include "replay/cell.h"

/* As they are compared. */
#define BY_ATTEMPT "attempt, occurred_at, producer_id, sequence"
#define BY_ARRIVAL "recorded_at, stream, stream_ms, stream_seq, producer_id, sequence"
#define BACKWARDS  "attempt DESC, occurred_at DESC, producer_id DESC, sequence DESC"

#define SELECT_EVENTS                                                                                         \
    "SELECT producer_id, sequence, occurred_at, status, attempt, recorded_at, stream, stream_ms, stream_seq," \
    " payload, r.reason, EXISTS (SELECT FROM taskledger.rejected_event AS o"                                  \
    "   WHERE o.producer_id = e.producer_id AND o.sequence = e.sequence)"                                     \
    " FROM taskledger.task_event AS e LEFT JOIN taskledger.redaction AS r USING (producer_id, sequence)"      \
    " WHERE task_id = $1::text"

enum { ARENA_KEPT_BYTES = 256 * 1024 };

static const struct postgres_statement statements[] = {
    [LEDGER_BY_ARRIVAL] = {"replay_arrival", SELECT_EVENTS " ORDER BY " BY_ARRIVAL},
    [LEDGER_BY_ATTEMPT] = {"replay_attempts", SELECT_EVENTS " ORDER BY " BY_ATTEMPT},
    [LEDGER_NEWEST_FIRST] = {"replay_newest", SELECT_EVENTS " ORDER BY " BACKWARDS},
};

static const struct postgres_statement part_statement = {
    "replay_part", SELECT_EVENTS " AND (" BY_ATTEMPT ") >= ($2::int, $3::timestamptz, $4::uuid, $5::int8)"
                                 " ORDER BY " BY_ATTEMPT " LIMIT $6::int8"};

#define SELECT_OUTLINE                                                                           \
    "SELECT producer_id, sequence, occurred_at, status, attempt FROM taskledger.task_event AS e" \
    " WHERE task_id = $1::text ORDER BY "

static const struct postgres_statement outlines[] = {
    [LEDGER_BY_ARRIVAL] = {"replay_outline_arrival", SELECT_OUTLINE BY_ARRIVAL " LIMIT $2::int8"},
    [LEDGER_BY_ATTEMPT] = {"replay_outline_attempts", SELECT_OUTLINE BY_ATTEMPT " LIMIT $2::int8"},
    [LEDGER_NEWEST_FIRST] = {"replay_outline_newest", SELECT_OUTLINE BACKWARDS " LIMIT $2::int8"},
};

struct reading {
    struct slice task_id;
    struct arena *arena;
    ledger_events_visitor *visit;
    void *self;
};

/* What the columns say of an event whose payload says nothing, or nothing any more. */
static void read_columns(const struct postgres_row *row, struct slice task_id, struct event *event)
{
    *event = (struct event){
        .producer_id = postgres_read_uuid(cell_of_row(row, 0)),
        .sequence = (uint64_t)postgres_read_int64(cell_of_row(row, 1)),
        .occurred_at_us = postgres_read_time_us(cell_of_row(row, 2)),
        .body = EVENT_TASK_STATUS,
        .task_status = {.task_id = task_id,
                        .status = status_parse(cell_of_row(row, 3)),
                        .attempt = (uint32_t)postgres_read_int32(cell_of_row(row, 4))},
    };
}

static bool read_row(void *self, const struct postgres_row *row, struct error *error)
{
    const struct reading *reading = self;
    struct error why = {.kind = ERROR_NONE};
    bool has_identity = false;
    struct ledger_event event = {
        .recorded_at_us = postgres_read_time_us(cell_of_row(row, 5)),
        .stream = cell_of_row(row, 6),
        .stream_ms = (uint64_t)postgres_read_int64(cell_of_row(row, 7)),
        .stream_sequence = (uint64_t)postgres_read_int64(cell_of_row(row, 8)),
        .payload = cell_of_row(row, 9),
        .is_redacted = cell_of_row(row, 10).data != NULL,
        .redacted_because = cell_of_row(row, 10),
        .is_contested = postgres_read_boolean(cell_of_row(row, 11)),
    };

    arena_reset(reading->arena, ARENA_KEPT_BYTES);
    struct slice payload = arena_copy(reading->arena, event.payload);
    if (payload.data == NULL && payload.size > 0)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for an event");
    event.is_readable =
        event_decode(payload, &event.event, &has_identity, &why) && event.event.body == EVENT_TASK_STATUS;
    if (!event.is_readable)
        read_columns(row, reading->task_id, &event.event);
    return reading->visit(reading->self, &event, error);
}

bool ledger_events_read(struct ledger *ledger, struct slice task_id, enum ledger_order order, struct arena *arena,
                        ledger_events_visitor *visit, void *self, struct error *error)
{
    const struct postgres_parameter parameter = {.value = task_id};
    struct reading reading = {.task_id = task_id, .arena = arena, .visit = visit, .self = self};

    return postgres_stream(ledger->main, &statements[order], &parameter, 1, read_row, &reading, error);
}

bool ledger_events_read_part(struct ledger *ledger, const struct ledger_events_part *part, struct arena *arena,
                             ledger_events_visitor *visit, void *self, struct error *error)
{
    uint8_t attempt[sizeof(int64_t)], time[sizeof(int64_t)], sequence[sizeof(int64_t)], limit[sizeof(int64_t)];
    const struct ledger_events_place *from = &part->from;
    struct slice number = ledger_bigint(from->attempt, attempt);
    const struct postgres_parameter parameters[] = {
        {.value = part->task_id},
        {.value = slice_of(number.data + sizeof(int64_t) - sizeof(int32_t), sizeof(int32_t))},
        {.value = ledger_time(from->occurred_at_us, time)},
        {.value = slice_of(from->producer_id.bytes, sizeof from->producer_id.bytes)},
        {.value = ledger_bigint(from->sequence, sequence)},
        {.value = ledger_bigint(part->limit, limit)},
    };
    struct reading reading = {.task_id = part->task_id, .arena = arena, .visit = visit, .self = self};

    return postgres_stream(ledger->main, &part_statement, parameters, sizeof parameters / sizeof *parameters, read_row,
                           &reading, error);
}

struct outlining {
    struct slice task_id;
    ledger_events_outline_visitor *visit;
    void *self;
};

static bool outline_row(void *self, const struct postgres_row *row, struct error *error)
{
    const struct outlining *outlining = self;
    struct event event;

    read_columns(row, outlining->task_id, &event);
    return outlining->visit(outlining->self, &event, error);
}

bool ledger_events_outline(struct ledger *ledger, struct slice task_id, enum ledger_order order, uint64_t limit,
                           ledger_events_outline_visitor *visit, void *self, struct error *error)
{
    uint8_t bytes[sizeof(int64_t)];
    const struct postgres_parameter parameters[] = {{.value = task_id}, {.value = ledger_bigint(limit, bytes)}};
    struct outlining outlining = {.task_id = task_id, .visit = visit, .self = self};

    return postgres_stream(ledger->main, &outlines[order], parameters, sizeof parameters / sizeof *parameters,
                           outline_row, &outlining, error);
}
