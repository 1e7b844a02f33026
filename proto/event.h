/* event: one statement of one producer, in memory and on the wire.
 *
 * The wire form is proto/event.proto. It is written and read by proto/event_encode.c and proto/event_decode.c, where it
 * stands and without a copy; tests hold both to what protobuf-c makes of the schema. What is stored and hashed is
 * always the bytes received, never bytes made again from a struct event.
 *
 * Protobuf lets serialised parts of one message be concatenated. The producer uses that: the body, which is the large
 * part, is encoded by who emits, the head (identity, digest and time) in front of it by who links. */
#ifndef TASKLEDGER_PROTO_EVENT_H
#define TASKLEDGER_PROTO_EVENT_H

#include "proto/arena.h"
#include "proto/digest.h"
#include "proto/error.h"
#include "proto/slice.h"
#include "proto/status.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    EVENT_BYTES_MAX = 64 * 1024, /* an encoded event */
    EVENT_HEAD_BYTES_MAX = 80,   /* fields 1 to 4 */
    EVENT_TASK_ID_BYTES_MAX = 255,
    EVENT_JSON_DEPTH_MAX = 64,
};

#define EVENT_SEQUENCE_MAX ((uint64_t)INT64_MAX)
#define EVENT_ATTEMPT_MAX  ((uint32_t)INT32_MAX)
#define EVENT_TIME_MAX_US  INT64_C(253402300799999999) /* the last microsecond of the year 9999 */

enum event_body {
    EVENT_TASK_STATUS = 10, /* the numbers of the wire */
    EVENT_PRODUCER_OPENED = 11,
    EVENT_PRODUCER_CLOSED = 12,
    EVENT_PRODUCER_DROPPED = 13,
    EVENT_PRODUCER_ADOPTED = 14,
};

/* An empty slice stands for a field that was not given. */
struct task_status {
    struct slice task_id;
    enum status status;
    uint32_t attempt; /* as given; 0 means 1 */
    struct slice task_name;
    struct slice worker;
    struct slice step;
    bool has_progress;
    double progress;
    struct slice message;
    struct slice error_type;
    struct slice error_message;
    struct slice error_traceback;
    struct slice data_json;
    struct slice traceparent;
    struct slice parent_task_id;
    struct slice queue;
};

struct producer_opened {
    struct slice host;
    uint32_t pid;
    struct slice worker;
    struct slice library_version;
    bool confirms;
};

struct producer_closed {
    uint64_t last_sequence;
};

struct producer_dropped {
    uint64_t first_sequence;
    uint64_t last_sequence;
    struct slice reason;
};

struct producer_adopted {
    struct uuid producer_id;
    uint64_t last_sequence;
    struct slice last_digest; /* 32 bytes */
};

struct event {
    struct uuid producer_id;
    uint64_t sequence;
    struct slice previous_digest; /* 32 bytes, or empty in the producer's first event */
    int64_t occurred_at_us;
    enum event_body body;
    union {
        struct task_status task_status;
        struct producer_opened producer_opened;
        struct producer_closed producer_closed;
        struct producer_dropped producer_dropped;
        struct producer_adopted producer_adopted;
    };
};

/* Fields 1 to 4, at the end of the memory given: the body may follow there. */
struct slice event_encode_head(const struct event *event, uint8_t memory[EVENT_HEAD_BYTES_MAX]);

/* The bytes of all texts of a task's status, data_json too; encoded it is longer still. */
size_t event_text_bytes(const struct task_status *task);

/* The body's field, from checked content. The bytes live in the arena. FATAL when memory is short. */
bool event_encode_body(const struct event *event, struct arena *arena, struct slice *body, struct error *error);

/* Head and body: a whole event. Like all that encodes, in proto/event_encode.c. */
bool event_encode(const struct event *event, struct arena *arena, struct slice *payload, struct error *error);

/* Decode and check, in proto/event_decode.c. The event's slices borrow from the payload. REJECTED with one of these
 * reasons:
 *   oversized       more than EVENT_BYTES_MAX
 *   undecodable     not protobuf, or not an Event
 *   unknown_body    made by a newer producer: no body that this version knows
 *   unknown_status  made by a newer producer: no status that this version knows
 *   invalid         a field breaks its limit; the text names field, limit and what was found
 * The identity (producer_id, sequence) is filled in even on failure when `*has_identity` is set: what is set aside
 * under a known number is held, not lost. */
bool event_decode(struct slice payload, struct event *event, bool *has_identity, struct error *error);

/* Who said it, of bytes that nobody dares to decode: no library and no memory is asked. False when they do not tell. In
 * proto/event_identity.c. */
bool event_identity(struct slice payload, struct uuid *producer_id, uint64_t *sequence);

/* Every limit of the body, respectively of fields 1 to 4 and what the body says about them. REJECTED, "invalid" or
 * "unknown_status". That the body's texts are UTF-8 without NUL is looked at by itself, since decoding does so as well.
 * In proto/event_check.c. */
bool event_check_texts(const struct event *event, struct error *error);
bool event_check_body(const struct event *event, struct error *error);
bool event_check_head(const struct event *event, struct error *error);

/* attempt as it counts: 0 means 1. */
static inline uint32_t attempt_effective(uint32_t attempt)
{
    return attempt == 0 ? 1 : attempt;
}

#endif
