#include "proto/event.h"

#include "proto/wire_writer.h"

#include <assert.h>

/* The most fields that a body has, those of the messages in it included, and itself. */
enum { BODY_FIELDS_MAX = 17 };

static size_t failure_bytes(const struct task_status *task)
{
    return task->error_type.size + task->error_message.size + task->error_traceback.size;
}

size_t event_text_bytes(const struct task_status *task)
{
    return task->task_id.size + task->task_name.size + task->worker.size + task->step.size + task->message.size +
           failure_bytes(task) + task->data_json.size + task->traceparent.size + task->parent_task_id.size +
           task->queue.size;
}

/* To count all exactly would take as long as to write, and every emit pays for it. */
static size_t body_room(const struct event *event)
{
    size_t text_bytes = 0;

    switch (event->body) {
    case EVENT_TASK_STATUS:
        text_bytes = event_text_bytes(&event->task_status);
        break;
    case EVENT_PRODUCER_OPENED:
        text_bytes = event->producer_opened.host.size + event->producer_opened.worker.size +
                     event->producer_opened.library_version.size;
        break;
    case EVENT_PRODUCER_DROPPED:
        text_bytes = event->producer_dropped.reason.size;
        break;
    case EVENT_PRODUCER_ADOPTED:
        text_bytes = UUID_BYTES + event->producer_adopted.last_digest.size;
        break;
    case EVENT_PRODUCER_CLOSED:
        break;
    }
    return BODY_FIELDS_MAX * WIRE_FIELD_BYTES_MAX + text_bytes;
}

/* ---- writing, backwards ------------------------------------------------------------------------------------------ */

static void put_failure(struct wire_writer *writer, const struct task_status *task)
{
    const uint8_t *end = writer->at;

    if (failure_bytes(task) == 0)
        return;
    wire_writer_text(writer, 3, task->error_traceback);
    wire_writer_text(writer, 2, task->error_message);
    wire_writer_text(writer, 1, task->error_type);
    wire_writer_enclose(writer, 9, end);
}

static void put_task_status(struct wire_writer *writer, const struct task_status *task)
{
    wire_writer_text(writer, 13, task->queue);
    wire_writer_text(writer, 12, task->parent_task_id);
    wire_writer_text(writer, 11, task->traceparent);
    wire_writer_text(writer, 10, task->data_json);
    put_failure(writer, task);
    wire_writer_text(writer, 8, task->message);
    if (task->has_progress)
        wire_writer_double(writer, 7, task->progress);
    wire_writer_text(writer, 6, task->step);
    wire_writer_text(writer, 5, task->worker);
    wire_writer_text(writer, 4, task->task_name);
    wire_writer_number(writer, 3, task->attempt);
    wire_writer_number(writer, 2, task->status);
    wire_writer_text(writer, 1, task->task_id);
}

static void put_opened(struct wire_writer *writer, const struct producer_opened *opened)
{
    wire_writer_number(writer, 5, opened->confirms);
    wire_writer_text(writer, 4, opened->library_version);
    wire_writer_text(writer, 3, opened->worker);
    wire_writer_number(writer, 2, opened->pid);
    wire_writer_text(writer, 1, opened->host);
}

static void put_dropped(struct wire_writer *writer, const struct producer_dropped *dropped)
{
    wire_writer_text(writer, 3, dropped->reason);
    wire_writer_number(writer, 2, dropped->last_sequence);
    wire_writer_number(writer, 1, dropped->first_sequence);
}

static void put_adopted(struct wire_writer *writer, const struct producer_adopted *adopted)
{
    wire_writer_text(writer, 3, adopted->last_digest);
    wire_writer_number(writer, 2, adopted->last_sequence);
    wire_writer_text(writer, 1, slice_of(adopted->producer_id.bytes, UUID_BYTES));
}

/* False: there is no such body. */
static bool put_body(struct wire_writer *writer, const struct event *event)
{
    const uint8_t *end = writer->at;

    switch (event->body) {
    case EVENT_TASK_STATUS:
        put_task_status(writer, &event->task_status);
        break;
    case EVENT_PRODUCER_OPENED:
        put_opened(writer, &event->producer_opened);
        break;
    case EVENT_PRODUCER_CLOSED:
        wire_writer_number(writer, 1, event->producer_closed.last_sequence);
        break;
    case EVENT_PRODUCER_DROPPED:
        put_dropped(writer, &event->producer_dropped);
        break;
    case EVENT_PRODUCER_ADOPTED:
        put_adopted(writer, &event->producer_adopted);
        break;
    default:
        return false;
    }
    wire_writer_enclose(writer, event->body, end);
    return true;
}

static void put_head(struct wire_writer *writer, const struct event *event)
{
    wire_writer_number(writer, 4, (uint64_t)event->occurred_at_us);
    wire_writer_text(writer, 3, event->previous_digest);
    wire_writer_number(writer, 2, event->sequence);
    wire_writer_text(writer, 1, slice_of(event->producer_id.bytes, UUID_BYTES));
}

/* ---- the parts and the whole ------------------------------------------------------------------------------------- */

struct slice event_encode_head(const struct event *event, uint8_t memory[EVENT_HEAD_BYTES_MAX])
{
    struct wire_writer writer = wire_writer_in(memory, EVENT_HEAD_BYTES_MAX);

    put_head(&writer, event);
    return wire_writer_slice(&writer);
}

/* The body, at the end of memory that has `more_bytes` before it. */
static bool encode(const struct event *event, size_t more_bytes, struct arena *arena, struct wire_writer *writer,
                   struct error *error)
{
    size_t room = body_room(event) + more_bytes;
    uint8_t *memory = arena_take(arena, room);

    if (memory == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for an event");
    *writer = wire_writer_in(memory, room);
    return put_body(writer, event) ||
           error_set(error, ERROR_REJECTED, "unknown_body", "body %d is not known", (int)event->body);
}

bool event_encode_body(const struct event *event, struct arena *arena, struct slice *body, struct error *error)
{
    struct wire_writer writer = {0};

    if (!encode(event, 0, arena, &writer, error))
        return false;
    *body = wire_writer_slice(&writer);
    return true;
}

bool event_encode(const struct event *event, struct arena *arena, struct slice *payload, struct error *error)
{
    struct wire_writer writer = {0};

    if (!encode(event, EVENT_HEAD_BYTES_MAX, arena, &writer, error))
        return false;
    put_head(&writer, event);
    *payload = wire_writer_slice(&writer);
    return true;
}
