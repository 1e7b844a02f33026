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

/* ---- encoding ----------------------------------------------------------------------------------------------------- */

static ProtobufCBinaryData binary(struct slice bytes)
{
    return (ProtobufCBinaryData){.len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.data};
}

/* protobuf-c wants its strings terminated; ours are not. NULL only when memory is short. */
static char *text(struct arena *arena, struct slice from)
{
    if (from.size == 0)
        return (char *)(uintptr_t)protobuf_c_empty_string;

    char *copy = arena_take(arena, from.size + 1);
    if (copy != NULL) {
        memcpy(copy, from.data, from.size);
        copy[from.size] = '\0';
    }
    return copy;
}

size_t event_encode_head(const struct event *event, uint8_t head[EVENT_HEAD_BYTES_MAX])
{
    Taskledger__V1__Event wire;

    taskledger__v1__event__init(&wire);
    wire.producer_id = binary(slice_of(event->producer_id.bytes, UUID_BYTES));
    wire.sequence = event->sequence;
    wire.previous_digest = binary(event->previous_digest);
    wire.occurred_at_us = event->occurred_at_us;
    return taskledger__v1__event__pack(&wire, head);
}

/* All tags, lengths and numbers that a body can have: at most 2 and 10 bytes for each of 17 fields. */
enum { FRAME_BYTES_MAX = 256 };

/* A message of ours inside an Event that holds nothing else, with so many bytes of text in it. To count exactly would
 * take as long as to write, and every emit pays for it. */
static bool pack(const Taskledger__V1__Event *wire, size_t text_bytes, struct arena *arena, struct slice *body,
                 struct error *error)
{
    uint8_t *bytes = arena_take(arena, text_bytes + FRAME_BYTES_MAX);

    if (bytes == NULL)
        return out_of_memory(error);
    *body = slice_of(bytes, taskledger__v1__event__pack(wire, bytes));
    return true;
}

size_t event_text_bytes(const struct task_status *task)
{
    return task->task_id.size + task->task_name.size + task->worker.size + task->step.size + task->message.size +
           task->error_type.size + task->error_message.size + task->error_traceback.size + task->data_json.size +
           task->traceparent.size + task->parent_task_id.size + task->queue.size;
}

static bool encode_task_status(const struct task_status *status, struct arena *arena, struct slice *body,
                               struct error *error)
{
    Taskledger__V1__Event wire;
    Taskledger__V1__TaskStatus task;
    Taskledger__V1__Error failure;

    taskledger__v1__event__init(&wire);
    taskledger__v1__task_status__init(&task);
    taskledger__v1__error__init(&failure);
    task.task_id = text(arena, status->task_id);
    task.status = (Taskledger__V1__Status)status->status;
    task.attempt = status->attempt;
    task.task_name = text(arena, status->task_name);
    task.worker = text(arena, status->worker);
    task.step = text(arena, status->step);
    if (status->has_progress) {
        task.progress_presence_case = TASKLEDGER__V1__TASK_STATUS__PROGRESS_PRESENCE_PROGRESS;
        task.progress = status->progress;
    }
    task.message = text(arena, status->message);
    failure.type = text(arena, status->error_type);
    failure.message = text(arena, status->error_message);
    failure.traceback = text(arena, status->error_traceback);
    if (status->error_type.size + status->error_message.size + status->error_traceback.size > 0)
        task.error = &failure;
    task.data_json = binary(status->data_json);
    task.traceparent = text(arena, status->traceparent);
    task.parent_task_id = text(arena, status->parent_task_id);
    task.queue = text(arena, status->queue);

    bool whole = task.task_id && task.task_name && task.worker && task.step && task.message && failure.type &&
                 failure.message && failure.traceback && task.traceparent && task.parent_task_id && task.queue;
    if (!whole)
        return out_of_memory(error);

    wire.body_case = TASKLEDGER__V1__EVENT__BODY_TASK_STATUS;
    wire.task_status = &task;
    return pack(&wire, event_text_bytes(status), arena, body, error);
}

static bool encode_opened(const struct producer_opened *opened, struct arena *arena, struct slice *body,
                          struct error *error)
{
    Taskledger__V1__Event wire;
    Taskledger__V1__ProducerOpened message;

    taskledger__v1__event__init(&wire);
    taskledger__v1__producer_opened__init(&message);
    message.host = text(arena, opened->host);
    message.pid = opened->pid;
    message.worker = text(arena, opened->worker);
    message.library_version = text(arena, opened->library_version);
    message.confirms = opened->confirms;
    if (!message.host || !message.worker || !message.library_version)
        return out_of_memory(error);

    wire.body_case = TASKLEDGER__V1__EVENT__BODY_PRODUCER_OPENED;
    wire.producer_opened = &message;
    return pack(&wire, opened->host.size + opened->worker.size + opened->library_version.size, arena, body, error);
}

static bool encode_closed(const struct producer_closed *closed, struct arena *arena, struct slice *body,
                          struct error *error)
{
    Taskledger__V1__Event wire;
    Taskledger__V1__ProducerClosed message;

    taskledger__v1__event__init(&wire);
    taskledger__v1__producer_closed__init(&message);
    message.last_sequence = closed->last_sequence;
    wire.body_case = TASKLEDGER__V1__EVENT__BODY_PRODUCER_CLOSED;
    wire.producer_closed = &message;
    return pack(&wire, 0, arena, body, error);
}

static bool encode_dropped(const struct producer_dropped *dropped, struct arena *arena, struct slice *body,
                           struct error *error)
{
    Taskledger__V1__Event wire;
    Taskledger__V1__ProducerDropped message;

    taskledger__v1__event__init(&wire);
    taskledger__v1__producer_dropped__init(&message);
    message.first_sequence = dropped->first_sequence;
    message.last_sequence = dropped->last_sequence;
    message.reason = text(arena, dropped->reason);
    if (!message.reason)
        return out_of_memory(error);

    wire.body_case = TASKLEDGER__V1__EVENT__BODY_PRODUCER_DROPPED;
    wire.producer_dropped = &message;
    return pack(&wire, dropped->reason.size, arena, body, error);
}

static bool encode_adopted(const struct producer_adopted *adopted, struct arena *arena, struct slice *body,
                           struct error *error)
{
    Taskledger__V1__Event wire;
    Taskledger__V1__ProducerAdopted message;

    taskledger__v1__event__init(&wire);
    taskledger__v1__producer_adopted__init(&message);
    message.producer_id = binary(slice_of(adopted->producer_id.bytes, UUID_BYTES));
    message.last_sequence = adopted->last_sequence;
    message.last_digest = binary(adopted->last_digest);
    wire.body_case = TASKLEDGER__V1__EVENT__BODY_PRODUCER_ADOPTED;
    wire.producer_adopted = &message;
    return pack(&wire, UUID_BYTES + adopted->last_digest.size, arena, body, error);
}

bool event_encode_body(const struct event *event, struct arena *arena, struct slice *body, struct error *error)
{
    switch (event->body) {
    case EVENT_TASK_STATUS:
        return encode_task_status(&event->task_status, arena, body, error);
    case EVENT_PRODUCER_OPENED:
        return encode_opened(&event->producer_opened, arena, body, error);
    case EVENT_PRODUCER_CLOSED:
        return encode_closed(&event->producer_closed, arena, body, error);
    case EVENT_PRODUCER_DROPPED:
        return encode_dropped(&event->producer_dropped, arena, body, error);
    case EVENT_PRODUCER_ADOPTED:
        return encode_adopted(&event->producer_adopted, arena, body, error);
    }
    return error_set(error, ERROR_REJECTED, "unknown_body", "body %d is not known", (int)event->body);
}

bool event_encode(const struct event *event, struct arena *arena, struct slice *payload, struct error *error)
{
    uint8_t head[EVENT_HEAD_BYTES_MAX];
    struct slice body;

    if (!event_encode_body(event, arena, &body, error))
        return false;

    size_t head_size = event_encode_head(event, head);
    uint8_t *whole = arena_take(arena, head_size + body.size);
    if (whole == NULL)
        return out_of_memory(error);

    memcpy(whole, head, head_size);
    memcpy(whole + head_size, body.data, body.size);
    *payload = slice_of(whole, head_size + body.size);
    return true;
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
