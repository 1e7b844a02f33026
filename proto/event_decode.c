/* Decoding borrows: each field's slice is the stretch of the payload in which it stands, so nothing is copied, no
 * memory is asked for, and a string is what its bytes are, a NUL inside of it too. */
#include "proto/event.h"

#include "proto/utf8.h"
#include "proto/wire.h"

#include <assert.h>
#include <endian.h>
#include <stddef.h>

/* What is being read. The maps below tell where in it each field goes. */
struct reading {
    struct event event;
    struct slice producer_id; /* of whatever size */
    struct slice adopted_id;
    struct error *invalid; /* the first text that is none; borrowed */
};

/* ---- maps -------------------------------------------------------------------------------------------------------- */

enum kind { UNKNOWN, TEXT, BYTES, NUMBER_32, NUMBER_64, TRUTH, PROGRESS, PART, BODY };

/* A field stands in the place of its number; the others are passed over. */
struct map {
    const char *message;
    const struct map_field *fields;
    size_t count;
};

struct map_field {
    enum kind kind;
    const char *name;
    size_t offset;          /* in struct reading */
    const struct map *part; /* of what is a message itself */
};

#define MAP(message, fields)                               \
    {                                                      \
        message, fields, sizeof(fields) / sizeof *(fields) \
    }
#define FIELD(kind, name, member)                          \
    {                                                      \
        kind, name, offsetof(struct reading, member), NULL \
    }
#define IN_EVENT(kind, name)   FIELD(kind, #name, event.name)
#define IN_TASK(kind, name)    FIELD(kind, #name, event.task_status.name)
#define IN_OPENED(kind, name)  FIELD(kind, #name, event.producer_opened.name)
#define IN_DROPPED(kind, name) FIELD(kind, #name, event.producer_dropped.name)
#define IN_ADOPTED(kind, name) FIELD(kind, #name, event.producer_adopted.name)
#define MESSAGE(kind, name, message) \
    {                                \
        kind, name, 0, message       \
    }

/* Of TaskStatus; all of them go into the same struct. */
static const struct map_field error_fields[] = {
    [1] = FIELD(TEXT, "type", event.task_status.error_type),
    [2] = FIELD(TEXT, "message", event.task_status.error_message),
    [3] = FIELD(TEXT, "traceback", event.task_status.error_traceback),
};
static const struct map error_map = MAP("Error", error_fields);

static const struct map_field task_status_fields[] = {
    [1] = IN_TASK(TEXT, task_id),      [2] = IN_TASK(NUMBER_32, status),  [3] = IN_TASK(NUMBER_32, attempt),
    [4] = IN_TASK(TEXT, task_name),    [5] = IN_TASK(TEXT, worker),       [6] = IN_TASK(TEXT, step),
    [7] = IN_TASK(PROGRESS, progress), [8] = IN_TASK(TEXT, message),      [9] = MESSAGE(PART, "error", &error_map),
    [10] = IN_TASK(BYTES, data_json),  [11] = IN_TASK(TEXT, traceparent), [12] = IN_TASK(TEXT, parent_task_id),
    [13] = IN_TASK(TEXT, queue),
};
static const struct map task_status_map = MAP("TaskStatus", task_status_fields);

static const struct map_field opened_fields[] = {
    [1] = IN_OPENED(TEXT, host),      [2] = IN_OPENED(NUMBER_32, pid),
    [3] = IN_OPENED(TEXT, worker),    [4] = IN_OPENED(TEXT, library_version),
    [5] = IN_OPENED(TRUTH, confirms),
};
static const struct map opened_map = MAP("ProducerOpened", opened_fields);

static const struct map_field closed_fields[] = {
    [1] = FIELD(NUMBER_64, "last_sequence", event.producer_closed.last_sequence),
};
static const struct map closed_map = MAP("ProducerClosed", closed_fields);

static const struct map_field dropped_fields[] = {
    [1] = IN_DROPPED(NUMBER_64, first_sequence),
    [2] = IN_DROPPED(NUMBER_64, last_sequence),
    [3] = IN_DROPPED(TEXT, reason),
};
static const struct map dropped_map = MAP("ProducerDropped", dropped_fields);

static const struct map_field adopted_fields[] = {
    [1] = FIELD(BYTES, "producer_id", adopted_id),
    [2] = IN_ADOPTED(NUMBER_64, last_sequence),
    [3] = IN_ADOPTED(BYTES, last_digest),
};
static const struct map adopted_map = MAP("ProducerAdopted", adopted_fields);

static const struct map_field event_fields[] = {
    [1] = FIELD(BYTES, "producer_id", producer_id),
    [2] = IN_EVENT(NUMBER_64, sequence),
    [3] = IN_EVENT(BYTES, previous_digest),
    [4] = IN_EVENT(NUMBER_64, occurred_at_us),
    [EVENT_TASK_STATUS] = MESSAGE(BODY, "task_status", &task_status_map),
    [EVENT_PRODUCER_OPENED] = MESSAGE(BODY, "producer_opened", &opened_map),
    [EVENT_PRODUCER_CLOSED] = MESSAGE(BODY, "producer_closed", &closed_map),
    [EVENT_PRODUCER_DROPPED] = MESSAGE(BODY, "producer_dropped", &dropped_map),
    [EVENT_PRODUCER_ADOPTED] = MESSAGE(BODY, "producer_adopted", &adopted_map),
};
static const struct map event_map = MAP("Event", event_fields);

/* How a kind stands on the wire. */
static const enum wire_type types[] = {
    [TEXT] = WIRE_LENGTH,  [BYTES] = WIRE_LENGTH,    [NUMBER_32] = WIRE_VARINT, [NUMBER_64] = WIRE_VARINT,
    [TRUTH] = WIRE_VARINT, [PROGRESS] = WIRE_64_BIT, [PART] = WIRE_LENGTH,      [BODY] = WIRE_LENGTH,
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool undecodable(struct error *error, const struct map *map, const char *what, size_t at)
{
    return error_set(error, ERROR_REJECTED, "undecodable", "%s: %s at byte %zu", map->message, what, at);
}

/* Each text is looked at, also one that another takes the place of: all of them are stored. One that is none does not
 * hide who said it. */
static void check_text(struct reading *reading, struct slice text, const struct map *map, const struct map_field *field)
{
    size_t wrong = utf8_check(text);

    if (wrong == text.size || reading->invalid->kind != ERROR_NONE)
        return;
    error_set(reading->invalid, ERROR_REJECTED, "invalid", "%s.%s: byte %zu is %s", map->message, field->name, wrong,
              text.data[wrong] == 0 ? "a NUL" : "not UTF-8");
}

static double read_double(struct slice content)
{
    uint64_t bits;
    double value;

    memcpy(&bits, content.data, sizeof bits);
    bits = le64toh(bits);
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Of several the last counts, whole. */
static void begin_body(struct reading *reading, uint32_t number)
{
    struct event *event = &reading->event;

    static_assert(sizeof event->task_status >= sizeof event->producer_opened &&
                      sizeof event->task_status >= sizeof event->producer_dropped &&
                      sizeof event->task_status >= sizeof event->producer_adopted,
                  "the status is the largest body");
    memset(&event->task_status, 0, sizeof event->task_status);
    reading->adopted_id = (struct slice){0};
    event->body = (enum event_body)number;
}

static bool read_message(struct reading *reading, struct slice message, const struct map *map, struct error *error);

static bool read_field(struct reading *reading, const struct wire_field *taken, const struct map *map,
                       const struct map_field *field, struct error *error)
{
    void *place = (char *)reading + field->offset;
    uint32_t number = (uint32_t)taken->value;

    switch (field->kind) {
    case TEXT:
        check_text(reading, taken->content, map, field);
        *(struct slice *)place = taken->content;
        return true;
    case BYTES:
        *(struct slice *)place = taken->content;
        return true;
    case NUMBER_32:
        memcpy(place, &number, sizeof number);
        return true;
    case NUMBER_64:
        memcpy(place, &taken->value, sizeof taken->value);
        return true;
    case TRUTH:
        *(bool *)place = taken->value != 0;
        return true;
    case PROGRESS:
        *(double *)place = read_double(taken->content);
        reading->event.task_status.has_progress = true;
        return true;
    case BODY:
        begin_body(reading, taken->number);
        return read_message(reading, taken->content, field->part, error);
    case PART:
        return read_message(reading, taken->content, field->part, error);
    case UNKNOWN:
        break;
    }
    return true;
}

/* No deeper than the maps, which do not nest in themselves. */
static bool read_message(struct reading *reading, struct slice message, const struct map *map, struct error *error)
{
    const uint8_t *begin = message.data;

    while (message.size > 0) {
        struct wire_field taken;

        if (!wire_take(&message, &taken))
            return undecodable(error, map, "not protobuf", (size_t)(message.data - begin));
        if (taken.number >= map->count || map->fields[taken.number].kind == UNKNOWN)
            continue;

        const struct map_field *field = &map->fields[taken.number];
        if (taken.type != types[field->kind])
            return undecodable(error, map, "a field of another type", (size_t)(message.data - begin));
        if (!read_field(reading, &taken, map, field, error))
            return false;
    }
    return true;
}

/* ---- the event --------------------------------------------------------------------------------------------------- */

static bool read_id(struct slice id, const char *message, struct uuid *producer_id, struct error *error)
{
    if (id.size != UUID_BYTES)
        return error_set(error, ERROR_REJECTED, "invalid", "%s.producer_id: %zu bytes, must be %d", message, id.size,
                         UUID_BYTES);
    memcpy(producer_id->bytes, id.data, UUID_BYTES);
    return true;
}

static bool check(struct reading *reading, struct error *error)
{
    struct event *event = &reading->event;

    if (reading->invalid->kind != ERROR_NONE) {
        *error = *reading->invalid;
        return false;
    }
    if (event->body == 0)
        return error_set(error, ERROR_REJECTED, "unknown_body", "no body that this version knows");
    if (event->body == EVENT_PRODUCER_ADOPTED &&
        !read_id(reading->adopted_id, "ProducerAdopted", &event->producer_adopted.producer_id, error))
        return false;
    return event_check_head(event, error) && event_check_body(event, error);
}

bool event_decode(struct slice payload, struct event *event, bool *has_identity, struct error *error)
{
    struct error invalid; /* not cleared: its text is large */
    struct reading reading = {.invalid = &invalid};

    invalid.kind = ERROR_NONE;
    *has_identity = false;
    if (payload.size > EVENT_BYTES_MAX)
        return error_set(error, ERROR_REJECTED, "oversized", "%zu bytes or more, at most %d", payload.size,
                         EVENT_BYTES_MAX);
    if (!read_message(&reading, payload, &event_map, error) ||
        !read_id(reading.producer_id, "Event", &reading.event.producer_id, error))
        return false;

    bool good = check(&reading, error);
    *has_identity = reading.event.sequence >= 1 && reading.event.sequence <= EVENT_SEQUENCE_MAX;
    *event = reading.event;
    return good;
}
