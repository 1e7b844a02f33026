/* Of an export: the events, as a source for the pump. */
#include "replay/transfer/import.h"

#include "consumer/ledger/origin.h"

#include <stdlib.h>
#include <string.h>

/* Batches as the sink wants them. One that failed is given again as it is. */
enum { BATCH_ENTRIES = 2000, BATCH_BYTES = BATCH_BYTES_MAX, KEPT_BYTES = 4 * 1024 * 1024, UUID_TIME_BYTES = 6 };

/* Events of months before this one would all go into task_event_other. */
static const struct postgres_statement month_statement = {
    "import_month", "SELECT first_ms, end_ms FROM taskledger.ensure_month($1::int8)"};

struct import_events {
    struct import *import;
    struct entry entries[BATCH_ENTRIES];
    struct origin origins[BATCH_ENTRIES];
    size_t count;
    size_t bytes;
    bool is_unsettled; /* the batch was given, and what became of it is not known */
    bool has_next;
    struct record next; /* read, and not in a batch yet: its values are in the arena */

    /* The month whose partition was made sure of: births of producers in milliseconds. */
    int64_t first_ms;
    int64_t end_ms;
};

/* ---- partitions ------------------------------------------------------------------------------------------------- */

/* Of a UUIDv7; others have no month. */
static bool born_ms(struct slice producer_id, int64_t *ms)
{
    *ms = 0;
    if (producer_id.size != UUID_BYTES || producer_id.data[UUID_TIME_BYTES] >> 4 != 7)
        return false;
    for (size_t i = 0; i < UUID_TIME_BYTES; i++)
        *ms = *ms << 8 | producer_id.data[i];
    return true;
}

static bool ensure_month(struct import_events *events, struct slice producer_id, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct record month = {.kind = RECORD_END};
    struct slice first, end;
    int64_t ms;

    if (!born_ms(producer_id, &ms) || (ms >= events->first_ms && ms < events->end_ms))
        return true;
    if (!record_put_integer(&month, END_RECORDS, ms, &events->import->arena))
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for a month");
    const struct postgres_parameter parameter = {.value = month.values[END_RECORDS]};
    if (!postgres_query(events->import->change.postgres, &month_statement, &parameter, 1, &result, error))
        return false;
    if (postgres_rows(result) == 1 && postgres_value(result, 0, 0, &first) && postgres_value(result, 0, 1, &end)) {
        events->first_ms = postgres_read_int64(first);
        events->end_ms = postgres_read_int64(end);
    }
    return true;
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

static bool is_complete(const struct record *record)
{
    static const enum record_event_place needed[] = {ROW_PRODUCER_ID, ROW_SEQUENCE,  ROW_OCCURRED_AT, ROW_RECORDED_AT,
                                                     ROW_STREAM,      ROW_STREAM_MS, ROW_STREAM_SEQ,  ROW_PAYLOAD};

    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (record->values[needed[i]].data == NULL)
            return false;
    return record_integer(record, ROW_SEQUENCE) > 0 && record_integer(record, ROW_STREAM_MS) >= 0 &&
           record_integer(record, ROW_STREAM_SEQ) >= 0;
}

static struct event skeleton_of(const struct record *record)
{
    struct event event = {
        .producer_id = postgres_read_uuid(record->values[ROW_PRODUCER_ID]),
        .sequence = (uint64_t)record_integer(record, ROW_SEQUENCE),
        .occurred_at_us = record_time_us(record, ROW_OCCURRED_AT),
    };

    if (record->values[ROW_TASK_ID].data != NULL) {
        event.body = EVENT_TASK_STATUS;
        event.task_status.task_id = record->values[ROW_TASK_ID];
        event.task_status.status = status_parse(record->values[ROW_STATUS]);
        event.task_status.attempt = (uint32_t)record_integer(record, ROW_ATTEMPT);
    }
    return event;
}

/* What its payload says is checked by the sink; of a redacted one there is no payload. */
static bool is_sound(const struct origin *origin)
{
    const struct task_status *task = &origin->skeleton.task_status;

    return origin->skeleton.body != EVENT_TASK_STATUS ||
           (task->status != STATUS_UNSPECIFIED && task->attempt >= 1 && task->attempt <= EVENT_ATTEMPT_MAX &&
            task->task_id.size >= 1 && task->task_id.size <= EVENT_TASK_ID_BYTES_MAX);
}

static bool add(struct import_events *events, const struct record *record, struct error *error)
{
    struct entry *entry = &events->entries[events->count];
    struct origin *origin = &events->origins[events->count];

    if (!is_complete(record))
        return frames_blame(&events->import->frames, error, "the event lacks something");
    struct slice payload = record->values[ROW_PAYLOAD], digest = record->values[ROW_REDACTED_DIGEST];
    *origin = (struct origin){.stream = record->values[ROW_STREAM],
                              .recorded_at_us = record_time_us(record, ROW_RECORDED_AT),
                              .is_redacted = payload.size == 0 && digest.data != NULL};
    if (origin->is_redacted) {
        memcpy(origin->digest.bytes, digest.data, DIGEST_BYTES);
        origin->skeleton = skeleton_of(record);
        if (!is_sound(origin))
            return frames_blame(&events->import->frames, error, "the redacted event is no event");
    }
    *entry = (struct entry){
        .id = {(uint64_t)record_integer(record, ROW_STREAM_MS), (uint64_t)record_integer(record, ROW_STREAM_SEQ)},
        .state = ENTRY_WHOLE,
        .payload = slice_of(payload.data, payload.size <= EVENT_BYTES_MAX ? payload.size : EVENT_BYTES_MAX + 1),
        .payload_bytes = payload.size,
        .origin = origin,
    };
    events->count++;
    events->bytes += payload.size;
    return ensure_month(events, record->values[ROW_PRODUCER_ID], error);
}

static bool read_next(struct import_events *events, struct error *error)
{
    struct import *import = events->import;

    if (!frames_next(&import->frames, &import->arena, &events->next, error))
        return false;
    if (events->next.kind != RECORD_EVENT && events->next.kind != RECORD_END)
        return frames_blame(&import->frames, error, "%s behind events", record_forms[events->next.kind].name);
    events->has_next = events->next.kind == RECORD_EVENT;
    return true;
}

/* The first record was read before there was a batch, and lives in the arena: that is reset when it has gone. */
static bool read_batch(struct import_events *events, struct error *error)
{
    struct import *import = events->import;

    events->count = 0;
    events->bytes = 0;
    if (!events->has_next) {
        arena_reset(&import->arena, KEPT_BYTES);
        if (!import->frames.is_over && !read_next(events, error))
            return false;
    }
    while (events->has_next) {
        if (!add(events, &events->next, error))
            return false;
        events->has_next = false;
        if (events->count == BATCH_ENTRIES || events->bytes >= BATCH_BYTES ||
            import->arena.held_bytes >= 4 * (size_t)BATCH_BYTES)
            return true;
        if (!read_next(events, error))
            return false;
    }
    return true;
}

static bool read_source(void *self, struct batch *batch, struct error *error)
{
    struct import_events *events = self;

    /* Whatever happens from here on is told by a fatal error: a file does not become better by waiting. */
    if (!change_holds(&events->import->change, error))
        return false;
    if (!events->is_unsettled && !read_batch(events, error))
        return false;
    events->is_unsettled = events->count > 0;
    *batch = (struct batch){.entries = events->entries, .count = events->count};
    return true;
}

static bool settle(void *self, const struct batch *batch, struct error *error)
{
    struct import_events *events = self;
    struct import *import = events->import;

    (void)error;
    events->is_unsettled = false;
    import->entries += batch->count;
    console_progress_tell(&import->progress, "events", import->frames.number, import->expected);
    return true;
}

static void rewind_source(void *self)
{
    (void)self; /* a batch is given again until it is settled */
}

static void finish(void *self)
{
    (void)self; /* nobody asks for it: who interrupts an import runs it again */
}

static bool ended(void *self)
{
    const struct import_events *events = self;

    return !events->is_unsettled && !events->has_next && events->import->frames.is_over;
}

struct import_events *import_events_new(struct import *import, const struct record *first, struct error *error)
{
    struct import_events *events = calloc(1, sizeof *events);

    if (events == NULL) {
        error_set(error, ERROR_FATAL, "memory", "cannot get memory for a batch of events");
        return NULL;
    }
    events->import = import;
    events->next = *first;
    events->has_next = first->kind == RECORD_EVENT;
    return events;
}

struct source import_events_source(struct import_events *events)
{
    return (struct source){.read = read_source,
                           .settle = settle,
                           .rewind = rewind_source,
                           .finish = finish,
                           .ended = ended,
                           .self = events};
}

void import_events_free(struct import_events *events)
{
    free(events);
}
