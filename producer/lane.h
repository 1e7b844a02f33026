/* lane: places in a queue that are given away without a lock.
 *
 * Whoever has the queue's lock opens a lane: a piece of the ring, the ordinals and the numbers of the events that go into
 * it, and whose they are. From then on anybody takes the next place by swapping one word, the frontier:
 *
 *   | generation, 32 bits | shut, 1 | events taken, 13 | units of 8 bytes taken, 18 |
 *
 * So where an event lies, its ordinal and its number are one decision, and a thread that loses its processor before or
 * behind it keeps nobody from taking the next place. What cannot be decided by that word (a hole, another identity, the
 * end of the ring, the end of the room) is done with the lock while the lane is shut; then everybody comes for the lock.
 *
 * Memory orders, and why they suffice:
 *
 *   - the frontier is stored by release when a lane is opened, and loaded by acquire. The swaps in between prolong what
 *     that store released. So whoever has a place sees all that was done before the lane was opened: nobody else uses
 *     its bytes any more;
 *   - what a lane grants is stored by release and loaded by acquire. Who reads that of a later lane therefore knows that
 *     the frontier has moved on, and his swap fails. So does one with that of an earlier lane, by the generation. Only
 *     who sleeps between looking and swapping while 2^32 lanes are opened, hours at least, and wakes to as many events and
 *     units, would be mistaken. */
#ifndef TASKLEDGER_PRODUCER_LANE_H
#define TASKLEDGER_PRODUCER_LANE_H

#include "proto/uuid.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LANE_UNIT = 8,
    LANE_UNITS_MAX = (1 << 18) - 1,
    LANE_EVENTS_MAX = (1 << 13) - 1,
};

/* What is granted. Its first event has this ordinal and this number. */
struct lane_grant {
    size_t offset; /* in the ring, bytes */
    size_t bytes;  /* a multiple of LANE_UNIT, LANE_UNITS_MAX of them at most */
    size_t events; /* LANE_EVENTS_MAX at most */
    uint64_t ordinal;
    uint64_t sequence;
    struct uuid producer_id;
    int64_t until_us; /* from this time on (monotonic) nobody takes anything */
};

/* The same, as it is shared. */
struct lane_shared {
    _Atomic(size_t) offset, units, events;
    _Atomic(uint64_t) ordinal, sequence, producer_id[2];
    _Atomic(int64_t) until_us;
};

struct lane {
    _Atomic(uint64_t) frontier;
    struct lane_shared shared;
};

struct lane_place {
    size_t offset;
    uint64_t ordinal;
    uint64_t sequence;
    struct uuid producer_id;
};

struct lane_taken {
    size_t events;
    size_t bytes;
};

/* It is shut. */
void lane_init(struct lane *lane);

/* With the lock. Open one that is shut. */
void lane_open(struct lane *lane, const struct lane_grant *grant);

/* With the lock it stays so; without it was so. */
bool lane_is_shut(const struct lane *lane);

/* With the lock. What was taken since it was opened is returned once: nothing when it was shut before. */
struct lane_taken lane_shut(struct lane *lane);

/* What was taken since it was opened; nothing when it is shut. */
struct lane_taken lane_taken(const struct lane *lane);

/* The next place, a multiple of LANE_UNIT large. False: it is shut, or does not go so far. */
bool lane_take(struct lane *lane, size_t bytes, int64_t now_us, struct lane_place *place);

#endif
