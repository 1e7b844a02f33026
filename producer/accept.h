/* accept: the one place where an event gets its number, its time and its place in the chain.
 *
 * An accepted event is frozen: its exact bytes lie in the queue and are never made again. What holds at any moment:
 *
 *   - numbers are 1, 2, 3 ... without a gap. A dropped event uses up its number; the numbers of consecutive drops are
 *     one hole, declared by ProducerDropped, with the first drop's reason, before anything else is said;
 *   - each event carries the SHA-256 of the one accepted before it, across declared holes;
 *   - times taken here strictly increase, also when the clock steps back; times that the caller gives are left alone;
 *   - ProducerOpened is number 1, ProducerClosed the last, and there is always room to say the hole and the latter;
 *   - after ACCEPT_RENEW_DAYS the identity is closed and another one opened, so that no chain grows for ever. While the
 *     queue is too full to say so, the old one goes on.
 *
 * Not for several threads: its user's lock is the producer's critical section. Nothing here waits or allocates. */
#ifndef TASKLEDGER_PRODUCER_ACCEPT_H
#define TASKLEDGER_PRODUCER_ACCEPT_H

#include "producer/queue.h"
#include "producer/runs.h"
#include "proto/clock.h"
#include "proto/digester.h"
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
    uint64_t sequence;    /* the last number used; 0 before the first word */
    struct digest digest; /* of the last accepted event */
    int64_t renew_at_us;  /* on the monotonic clock */
};

/* What accepting stands on; all of it borrowed. */
struct accept_ground {
    struct queue *queue; /* empty */
    const struct clock *clock;
    struct digester *digester;
    struct slice opened; /* the body of ProducerOpened */
};

struct accept {
    struct accept_ground ground;
    struct identity identity;
    struct hole hole;
    int64_t time_us;   /* the last one taken here */
    uint64_t accepted; /* events that were frozen, of all identities: the ordinal of the last */
    struct runs runs;  /* which numbers they have */
};

/* TRANSIENT, "random", when the system has no randomness for an identity. */
bool accept_init(struct accept *accept, const struct accept_ground *ground, struct error *error);

/* Freeze the event. False when there is no room: then it is dropped, with the reason "full". */
bool accept_event(struct accept *accept, const struct draft *draft);

/* An event is lost before it could become a draft: `count` numbers are used up. `reason` is static storage. */
void accept_drop(struct accept *accept, uint64_t count, const char *reason);

/* Say the hole, if there is one and room for it. */
void accept_declare(struct accept *accept);

/* Say the hole and goodbye. Nothing may be accepted or dropped afterwards. */
void accept_close(struct accept *accept);

#endif
