#include "proto/event.h"

#include "proto/wire.h"

#include "proto/event.pb-c.h"

/* ---- memory for protobuf-c --------------------------------------------------------------------------------------- */

/* unpack answers NULL for bad bytes and for no memory alike; an event must not be condemned for the latter. */
struct memory {
    struct arena *arena;
    bool exhausted;
};

static void *allocate(void *self, size_t size)
{
    struct memory *memory = self;
    void *taken = arena_take(memory->arena, size);

    memory->exhausted |= taken == NULL;
    return taken;
}

static void free_nothing(void *self, void *pointer)
{
    (void)self;
    (void)pointer;
}

static bool out_of_memory(struct error *error)
{
    error_set(error, ERROR_FATAL, "memory", "cannot get memory for an event");
    return false;
}

/* ---- decoding ----------------------------------------------------------------------------------------------------- */

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

static bool read_adopted(const Taskledger__V1__ProducerAdopted *wire, struct producer_adopted *adopted,
                         struct error *error)
{
    if (wire->producer_id.len != UUID_BYTES)
        return error_set(error, ERROR_REJECTED, "invalid", "ProducerAdopted.producer_id: %zu bytes, must be %d",
                         wire->producer_id.len, UUID_BYTES);

    memcpy(adopted->producer_id.bytes, wire->producer_id.data, UUID_BYTES);
    adopted->last_sequence = wire->last_sequence;
    adopted->last_digest = bytes_of(wire->last_digest);
    return true;
}

static bool read_body(const Taskledger__V1__Event *wire, struct event *event, struct error *error)
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
        return read_adopted(wire->producer_adopted, &event->producer_adopted, error);
    case TASKLEDGER__V1__EVENT__BODY__NOT_SET:
    case _TASKLEDGER__V1__EVENT__BODY__CASE_IS_INT_SIZE:
        break;
    }
    return error_set(error, ERROR_REJECTED, "unknown_body", "no body that this version knows");
}

static bool read_head(const Taskledger__V1__Event *wire, struct event *event, bool *has_identity, struct error *error)
{
    if (wire->producer_id.len != UUID_BYTES)
        return error_set(error, ERROR_REJECTED, "invalid", "Event.producer_id: %zu bytes, must be %d",
                         wire->producer_id.len, UUID_BYTES);

    memcpy(event->producer_id.bytes, wire->producer_id.data, UUID_BYTES);
    event->sequence = wire->sequence;
    event->previous_digest = bytes_of(wire->previous_digest);
    event->occurred_at_us = wire->occurred_at_us;
    *has_identity = event->sequence >= 1 && event->sequence <= EVENT_SEQUENCE_MAX;
    return true;
}

bool event_decode(struct slice payload, struct arena *arena, struct event *event, bool *has_identity,
                  struct error *error)
{
    struct memory memory = {.arena = arena};
    ProtobufCAllocator allocator = {.alloc = allocate, .free = free_nothing, .allocator_data = &memory};

    *has_identity = false;
    if (payload.size > EVENT_BYTES_MAX)
        return error_set(error, ERROR_REJECTED, "oversized", "%zu bytes or more, at most %d", payload.size,
                         EVENT_BYTES_MAX);

    /* A bad string does not hide who said it: the identity is read all the same. */
    struct error bad_wire = {.kind = ERROR_NONE};
    bool wire_is_good = wire_check(payload, &taskledger__v1__event__descriptor, &bad_wire);
    if (!wire_is_good && strcmp(bad_wire.reason, "undecodable") == 0) {
        *error = bad_wire;
        return false;
    }

    Taskledger__V1__Event *wire = taskledger__v1__event__unpack(&allocator, payload.size, payload.data);
    if (memory.exhausted)
        return out_of_memory(error);
    if (wire == NULL)
        return error_set(error, ERROR_REJECTED, "undecodable", "%zu bytes that are not an event", payload.size);
    if (!read_head(wire, event, has_identity, error))
        return false;
    if (!wire_is_good) {
        *error = bad_wire;
        return false;
    }

    return read_body(wire, event, error) && event_check_head(event, error) && event_check_body(event, error);
}
