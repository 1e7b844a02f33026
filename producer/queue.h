/* queue: the newest events that were accepted, in memory, oldest first.
 *
 * A ring of bytes, taken once, so that accepting an event allocates nothing and the bound is exact. Each event lies in it
 * in one piece, behind the one before it or, where the rest of the ring is too short, at its beginning:
 *
 *   | body's size, 4 bytes | shard, 2 | head's size, 2 | room for the head | body | up to the next multiple of 8 |
 *
 * The head ends where the body begins. An index tells where: its entry for an ordinal (producer/parcel.h; those in the
 * queue are consecutive, from 1) is that offset. Positions count bytes from the beginning of time (the ring is where they
 * are taken modulo its capacity), so the space in use is end - begin. An empty queue starts again at the front of the
 * ring: who is quiet touches little memory.
 *
 * An event goes through three states:
 *
 *   reserved   it has its place. Without a lock, in the lane (producer/lane.h), or with it;
 *   raw        its body is there, and what its head will say; committed by a store of its index entry that releases it.
 *              A reserved event that is not committed yet holds up the finishing of what lies behind it, nobody else;
 *   finished   it has its head. That is done in order, by one at a time (producer/chain.h), who needs no lock of the
 *              queue's: he acquires what was committed, and releases by moving `raw` what readers acquire.
 *
 * All the rest wants the lock, which the queue's user brings. Readers take copies, so nothing but the owner keeps an
 * event here: it releases those that are done with, and may tell that the oldest are spare, since they are elsewhere as
 * well: these are given up when room is wanted.
 *
 * Room for two last words of at most QUEUE_LAST_WORD_BYTES each is kept back from everybody else. */
#ifndef TASKLEDGER_PRODUCER_QUEUE_H
#define TASKLEDGER_PRODUCER_QUEUE_H

#include "producer/lane.h"
#include "proto/event.h"
#include "proto/slice.h"
#include "proto/uuid.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the head will say. */
struct queue_raw {
    struct uuid producer_id;
    uint64_t sequence;
    int64_t occurred_at_us;
    bool time_is_given; /* by the caller, and left alone */
};

struct queue_record {
    uint32_t body_bytes;
    uint16_t shard;
    uint16_t head_bytes; /* 0: it is raw */
    union {
        struct queue_raw raw;
        uint8_t head[EVENT_HEAD_BYTES_MAX];
    };
    uint8_t body[];
};

enum {
    QUEUE_ALIGNMENT = LANE_UNIT,
    QUEUE_OVERHEAD =
        sizeof(struct queue_record) - EVENT_HEAD_BYTES_MAX + QUEUE_ALIGNMENT - 1, /* of one event, at most */
    QUEUE_LAST_WORD_BYTES = 256,
    QUEUE_LAST_WORDS = 2,
    QUEUE_EVENTS_MIN = 8,
    QUEUE_BYTES_MIN = 128 * 1024, /* the largest event fits into an empty queue */
    QUEUE_LANES = 8,              /* a lane is this part of the queue, at most */
};

/* Of the index: an ordinal's lower half, 32 bits, and the offset of its event in units, 32. */
struct queue_entry {
    _Atomic(uint64_t) word;
};

/* More is not used, whatever is allowed: offsets count units in 32 bits. */
#define QUEUE_BYTES_MAX (UINT64_C(32) << 30)
_Static_assert(SIZE_MAX >= QUEUE_BYTES_MAX, "sizes of 64 bits are taken for granted");
_Static_assert(sizeof(struct queue_record) == offsetof(struct queue_record, head) + EVENT_HEAD_BYTES_MAX,
               "a head ends where the body begins");

struct queue {
    uint8_t *ring; /* owned */
    size_t capacity;
    struct queue_entry *index; /* owned; as many as fit into the ring, or may */
    size_t index_size;
    size_t events_max;
    struct lane lane;
    uint64_t first;    /* the ordinal of the oldest, or of the next that comes */
    uint64_t next;     /* the ordinal behind the newest, and its position, */
    uint64_t end;      /* but for what the lane has taken since it was opened */
    uint64_t spare_to; /* up to this ordinal they may be given up; set by the owner */
    uint64_t begin;
    _Atomic(uint64_t) raw; /* the ordinal of the oldest that is not finished, or of the next that comes */
};

struct queue_event {
    uint64_t ordinal;
    unsigned shard;
    struct slice payload; /* in the ring */
};

/* At least QUEUE_EVENTS_MIN and QUEUE_BYTES_MIN. False when memory is short; the queue is then as if closed. */
bool queue_init(struct queue *queue, size_t events_max, size_t bytes_max);
void queue_close(struct queue *queue);

/* ---- with the lock, while the lane is shut ----------------------------------------------------------------------- */

/* Whether `events` payloads of `payload_bytes` altogether fit without touching the room of the last words, after spare
 * ones were given up for them. Errs on the side of no; counts EVENT_HEAD_BYTES_MAX for each head. */
bool queue_make_room(struct queue *queue, size_t events, size_t payload_bytes);

/* Append a raw event. There must be room; a last word may use what was kept back for it. */
void queue_push(struct queue *queue, unsigned shard, const struct queue_raw *raw, struct slice body);

/* Open the lane to what room there is, if there is some, for events of this identity from this number on. */
void queue_open_lane(struct queue *queue, const struct uuid *producer_id, uint64_t sequence, int64_t until_us);

/* Shut the lane; returns how many events it has taken that nobody was told of. */
size_t queue_shut_lane(struct queue *queue);

/* ---- without the lock -------------------------------------------------------------------------------------------- */

/* A place in the lane; false: with the lock. Whoever has it commits it, soon: nothing can be finished before. */
bool queue_reserve(struct queue *queue, size_t body_bytes, int64_t now_us, struct lane_place *place);
void queue_commit(struct queue *queue, const struct lane_place *place, unsigned shard, const struct queue_raw *raw,
                  struct slice body);

/* One at a time: the oldest that is raw; NULL: none is, or it is not committed. When it has its head it is finished. */
struct queue_record *queue_raw(const struct queue *queue);
void queue_finish(struct queue *queue);

static inline struct slice queue_payload(const struct queue_record *record)
{
    const uint8_t *body = (const uint8_t *)record + sizeof *record;

    return slice_of(body - record->head_bytes, (size_t)record->head_bytes + record->body_bytes);
}

/* Up to this ordinal events are finished; or, when all are, the next is committed. Grows at once with each of these. */
uint64_t queue_ready(const struct queue *queue);

/* ---- with the lock ----------------------------------------------------------------------------------------------- */

/* The finished event of this ordinal, or the oldest behind it, and to the one behind that; false at the end. */
bool queue_next(const struct queue *queue, uint64_t *ordinal, struct queue_event *event);

/* Everything before this ordinal is done with; it was finished. */
void queue_release(struct queue *queue, uint64_t ordinal);

/* From that ordinal on, which was finished or is the next, to the end. */
size_t queue_events_behind(const struct queue *queue, uint64_t ordinal);
size_t queue_bytes_behind(const struct queue *queue, uint64_t ordinal);

static inline size_t queue_used_bytes(const struct queue *queue)
{
    return (size_t)(queue->end - queue->begin) + lane_taken(&queue->lane).bytes;
}

/* The ordinal of the newest event that has a place, or had. */
static inline uint64_t queue_last(const struct queue *queue)
{
    return queue->next - 1 + lane_taken(&queue->lane).events;
}

static inline size_t queue_count(const struct queue *queue)
{
    return (size_t)(queue_last(queue) + 1 - queue->first);
}

#endif
