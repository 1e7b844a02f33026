/* accept: the one place where an event gets its number, its time and its place in the chain.
 *
 * An accepted event is frozen: its number, its place and its body are never made again; only its head, with the link to
 * the event before, is written later (producer/chain.h). What holds at any moment:
 *
 *   - numbers are 1, 2, 3 ... without a gap. A dropped event uses up its number; the numbers of consecutive drops are
 *     one hole, declared by ProducerDropped, with the first drop's reason, before anything else is said;
 *   - each event but the first is linked to the one accepted before it, across declared holes;
 *   - ProducerOpened is number 1, ProducerClosed the last, and there is always room to say the hole and the latter;
 *   - after ACCEPT_RENEW_DAYS the identity is closed and another one opened, so that no chain grows for ever. While the
 *     queue is too full to say so, the old one goes on.
 *
 * All that wants the lock of its user, but for accept_at_once: while there is a lane (producer/lane.h), that does without.
 * There is one when nothing is to be said but more of the same: an identity is open and not to be renewed, there is no
 * hole, and there is room. Whoever has the lock shuts it, does what he came for, and opens the next.
 *
 * Nothing here waits or allocates. */
#ifndef TASKLEDGER_PRODUCER_ACCEPT_H
#define TASKLEDGER_PRODUCER_ACCEPT_H

#include "producer/queue.h"
#include "producer/runs.h"
#include "proto/clock.h"
#include "proto/error.h"
#include "proto/slice.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum { ACCEPT_RENEW_DAYS = 7 };

/* An event that is checked and encoded but for its head. */
struct draft {
    struct slice body;
    unsigned shard;
    int64_t occurred_at_us; /* 0: now */
    bool cut;               /* its data_json is a mark in the place of a larger one */
};

/* Numbers that were used up and not yet declared. */
struct hole {
    uint64_t first; /* 0: there is none */
    uint64_t last;
    const char *reason;
};

struct identity {
    struct uuid producer_id;
    uint64_t sequence;   /* the last number used, but for those of the lane; 0 before the first word */
    int64_t renew_at_us; /* on the monotonic clock */
};

/* What accepting stands on; all of it borrowed. */
struct accept_ground {
    struct queue *queue; /* empty */
    const struct clock *clock;
    struct slice opened; /* the body of ProducerOpened */
    bool has_lanes;      /* else all is accepted with the lock */
};

struct accept {
    struct accept_ground ground;
    struct identity identity;
    struct hole hole;
    uint64_t said; /* the ordinal of the last event that was accepted with the lock */
    bool is_closed;
    struct runs runs; /* which numbers events have */
};

/* Who an event is. */
struct accept_place {
    struct uuid producer_id;
    uint64_t sequence;
    uint64_t ordinal;
};

/* TRANSIENT, "random", when the system has no randomness for an identity. */
bool accept_init(struct accept *accept, const struct accept_ground *ground, struct error *error);

/* Freeze the event, without the lock. False: it takes the lock. */
bool accept_at_once(struct accept *accept, const struct draft *draft, struct accept_place *place);

/* Freeze the event. False when there is no room: then it is dropped, with the reason "full". */
bool accept_event(struct accept *accept, const struct draft *draft);

/* The same, but false, with nothing dropped, when several payloads have no room, as queue_make_room. They are what it may
 * take to say this event. */
bool accept_event_with_room(struct accept *accept, const struct draft *draft, size_t events, size_t payload_bytes);

/* Some were released: let the lane begin again with an empty queue, and the room that there is now. */
void accept_refresh(struct accept *accept);

/* An event is lost before it could become a draft: `count` numbers are used up. `reason` is static storage. */
void accept_drop(struct accept *accept, uint64_t count, const char *reason);

/* Say the hole, if there is one and room for it. */
void accept_declare(struct accept *accept);

/* Say the hole and goodbye. Nothing may be accepted or dropped afterwards with the lock, and is without. */
void accept_close(struct accept *accept);

#endif
