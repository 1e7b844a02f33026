#include "tests/support/second_reader.h"

#include "proto/event.pb-c.h"

#include <string.h>

static void *allocate(void *self, size_t size)
{
    return arena_take(self, size);
}

static void free_nothing(void *self, void *pointer)
{
    (void)self;
    (void)pointer;
}

static struct slice bytes_of(ProtobufCBinaryData data)
{
    return slice_of(data.data, data.len);
}

static void read_task_status(const Taskledger__V1__TaskStatus *wire, struct task_status *status)
{
    *status = (struct task_status){
        .task_id = slice_from_text(wire->task_id),
        .status = (enum status)wire->status,
        .attempt = wire->attempt,
        .task_name = slice_from_text(wire->task_name),
        .worker = slice_from_text(wire->worker),
        .step = slice_from_text(wire->step),
        .has_progress = wire->progress_presence_case == TASKLEDGER__V1__TASK_STATUS__PROGRESS_PRESENCE_PROGRESS,
        .message = slice_from_text(wire->message),
        .data_json = bytes_of(wire->data_json),
        .traceparent = slice_from_text(wire->traceparent),
        .parent_task_id = slice_from_text(wire->parent_task_id),
        .queue = slice_from_text(wire->queue),
    };
    if (status->has_progress)
        status->progress = wire->progress;
    if (wire->error != NULL) {
        status->error_type = slice_from_text(wire->error->type);
        status->error_message = slice_from_text(wire->error->message);
        status->error_traceback = slice_from_text(wire->error->traceback);
    }
}

static void read_opened(const Taskledger__V1__ProducerOpened *wire, struct producer_opened *opened)
{
    *opened = (struct producer_opened){
        .host = slice_from_text(wire->host),
        .pid = wire->pid,
        .worker = slice_from_text(wire->worker),
        .library_version = slice_from_text(wire->library_version),
        .confirms = wire->confirms != 0,
    };
}

static bool read_adopted(const Taskledger__V1__ProducerAdopted *wire, struct producer_adopted *adopted)
{
    if (wire->producer_id.len != UUID_BYTES)
        return false;

    memcpy(adopted->producer_id.bytes, wire->producer_id.data, UUID_BYTES);
    adopted->last_sequence = wire->last_sequence;
    adopted->last_digest = bytes_of(wire->last_digest);
    return true;
}

static bool read_body(const Taskledger__V1__Event *wire, struct event *event)
{
    event->body = (enum event_body)wire->body_case;
    switch (wire->body_case) {
    case TASKLEDGER__V1__EVENT__BODY_TASK_STATUS:
        read_task_status(wire->task_status, &event->task_status);
        return true;
    case TASKLEDGER__V1__EVENT__BODY_PRODUCER_OPENED:
        read_opened(wire->producer_opened, &event->producer_opened);
        return true;
    case TASKLEDGER__V1__EVENT__BODY_PRODUCER_CLOSED:
        event->producer_closed.last_sequence = wire->producer_closed->last_sequence;
        return true;
    case TASKLEDGER__V1__EVENT__BODY_PRODUCER_DROPPED:
        event->producer_dropped = (struct producer_dropped){
            .first_sequence = wire->producer_dropped->first_sequence,
            .last_sequence = wire->producer_dropped->last_sequence,
            .reason = slice_from_text(wire->producer_dropped->reason),
        };
        return true;
    case TASKLEDGER__V1__EVENT__BODY_PRODUCER_ADOPTED:
        return read_adopted(wire->producer_adopted, &event->producer_adopted);
    case TASKLEDGER__V1__EVENT__BODY__NOT_SET:
    case _TASKLEDGER__V1__EVENT__BODY__CASE_IS_INT_SIZE:
        break;
    }
    return false;
}

bool second_reader_read(struct slice payload, struct arena *arena, struct event *event)
{
    ProtobufCAllocator allocator = {.alloc = allocate, .free = free_nothing, .allocator_data = arena};
    const Taskledger__V1__Event *wire = taskledger__v1__event__unpack(&allocator, payload.size, payload.data);

    if (wire == NULL || wire->producer_id.len != UUID_BYTES)
        return false;
    *event = (struct event){.sequence = wire->sequence,
                            .previous_digest = bytes_of(wire->previous_digest),
                            .occurred_at_us = wire->occurred_at_us};
    memcpy(event->producer_id.bytes, wire->producer_id.data, UUID_BYTES);
    return read_body(wire, event);
}

static bool same_task_status(const struct task_status *a, const struct task_status *b)
{
    return slice_equal(a->task_id, b->task_id) && a->status == b->status && a->attempt == b->attempt &&
           slice_equal(a->task_name, b->task_name) && slice_equal(a->worker, b->worker) &&
           slice_equal(a->step, b->step) && a->has_progress == b->has_progress &&
           memcmp(&a->progress, &b->progress, sizeof a->progress) == 0 && slice_equal(a->message, b->message) &&
           slice_equal(a->error_type, b->error_type) && slice_equal(a->error_message, b->error_message) &&
           slice_equal(a->error_traceback, b->error_traceback) && slice_equal(a->data_json, b->data_json) &&
           slice_equal(a->traceparent, b->traceparent) && slice_equal(a->parent_task_id, b->parent_task_id) &&
           slice_equal(a->queue, b->queue);
}

static bool same_opened(const struct producer_opened *a, const struct producer_opened *b)
{
    return slice_equal(a->host, b->host) && a->pid == b->pid && slice_equal(a->worker, b->worker) &&
           slice_equal(a->library_version, b->library_version) && a->confirms == b->confirms;
}

static bool same_dropped(const struct producer_dropped *a, const struct producer_dropped *b)
{
    return a->first_sequence == b->first_sequence && a->last_sequence == b->last_sequence &&
           slice_equal(a->reason, b->reason);
}

static bool same_adopted(const struct producer_adopted *a, const struct producer_adopted *b)
{
    return uuid_compare(&a->producer_id, &b->producer_id) == 0 && a->last_sequence == b->last_sequence &&
           slice_equal(a->last_digest, b->last_digest);
}

static bool same_body(const struct event *a, const struct event *b)
{
    switch (a->body) {
    case EVENT_TASK_STATUS:
        return same_task_status(&a->task_status, &b->task_status);
    case EVENT_PRODUCER_OPENED:
        return same_opened(&a->producer_opened, &b->producer_opened);
    case EVENT_PRODUCER_CLOSED:
        return a->producer_closed.last_sequence == b->producer_closed.last_sequence;
    case EVENT_PRODUCER_DROPPED:
        return same_dropped(&a->producer_dropped, &b->producer_dropped);
    case EVENT_PRODUCER_ADOPTED:
        return same_adopted(&a->producer_adopted, &b->producer_adopted);
    }
    return false;
}

bool second_reader_same(const struct event *a, const struct event *b)
{
    return uuid_compare(&a->producer_id, &b->producer_id) == 0 && a->sequence == b->sequence &&
           slice_equal(a->previous_digest, b->previous_digest) && a->occurred_at_us == b->occurred_at_us &&
           a->body == b->body && same_body(a, b);
}
