/* chain: one producer's events in the order of their numbers; does each follow from the one before?
 *
 * Numbers are gapless and each event carries the digest of its producer's previous accepted event. A number that was
 * dropped before it was accepted left no digest, so the chain holds across it; one that was lost on the way or removed
 * later breaks the chain behind the hole. The event right after a hole is where a producer declares it.
 *
 *   numbers      digests         declared     what it was
 *   hole         holds across    yes          dropped by the producer, which said so
 *   hole         holds across    no           dropped by a producer that could not say so
 *   hole         broken          no           accepted, then lost on the way or removed later
 *   hole         broken          yes          declared, and something else is missing or changed too
 *   no hole      broken                       the event, or the one before it, was changed
 *
 * Pure: it is fed by whoever reads a ledger, and tells by a callback. Bounded: it holds one event's facts. */
#ifndef TASKLEDGER_REPLAY_VERIFY_CHAIN_H
#define TASKLEDGER_REPLAY_VERIFY_CHAIN_H

#include "proto/digest.h"
#include "proto/event.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum chain_break {
    CHAIN_HOLE,       /* first ... last are missing, undeclared */
    CHAIN_DECLARED,   /* first ... last are missing, declared */
    CHAIN_BROKEN,     /* first does not carry the digest of last, the number before it; 0: it should carry none */
    CHAIN_UNLINKED,   /* whether first carries the digest of last, the number before it, cannot be told */
    CHAIN_BEYOND_END, /* first comes after last, the producer's end */
    CHAIN_TAIL,       /* first ... last are missing at the end */
    CHAIN_OPEN_END,   /* last is the greatest number there is, and no end was told */
};

enum chain_link { CHAIN_LINK_HOLDS, CHAIN_LINK_BROKEN, CHAIN_LINK_UNKNOWN };

struct chain_finding {
    enum chain_break kind;
    struct uuid producer_id;
    uint64_t first;
    uint64_t last;
    enum chain_link link;  /* of HOLE and DECLARED: across it */
    struct slice reason;   /* of DECLARED: the producer's own word; borrowed */
    int64_t noticed_at_us; /* when the event that shows it was recorded; of OPEN_END the last event */
};

/* One number that is held, as the chain comes to it. */
struct chain_step {
    const struct uuid *producer_id;
    uint64_t sequence;
    bool is_event;                /* else it is held without a readable event */
    const struct digest *digest;  /* NULL: not known */
    struct slice previous_digest; /* what the event carries */
    enum chain_link link;         /* to the last number before it that is held */
};

/* Whoever wants to see every number, in their order. A zeroed one is nobody. */
struct chain_listener {
    void (*step)(void *self, const struct chain_step *step);
    void *self;
};

struct chain {
    void (*tell)(void *self, const struct chain_finding *finding);
    void *self;
    struct chain_listener listener;

    /* The rest is the chain's own. */
    struct uuid producer_id;
    uint64_t last_sequence; /* 0: nothing yet */
    struct digest last_digest;
    bool digest_known;
    uint64_t end; /* the number of its ProducerClosed; 0: none yet */
    int64_t recorded_at_us;
};

/* Start with another producer. */
void chain_begin(struct chain *chain, const struct uuid *producer_id);

/* Start behind this number of this producer, which is the last before what comes. */
void chain_resume(struct chain *chain, const struct uuid *producer_id, uint64_t sequence, const struct digest *digest);

/* The next stored event; `digest` is of its bytes, NULL: chain_linked will tell of it. A number that is not greater than
 * the last one, which no sound ledger has, is told as a break and passed over. */
void chain_event(struct chain *chain, const struct event *event, const struct digest *digest, int64_t recorded_at_us);

/* The next number is held without a readable event: it was set aside, or its payload cannot be read. NULL: its digest
 * is not known, so the link to the next event cannot be checked. A number that is held already is passed over. */
void chain_held(struct chain *chain, uint64_t sequence, const struct digest *digest, int64_t recorded_at_us);

/* Numbers up to this one are held, all of them, and nothing else is known of them; the first stored one is known to
 * follow without a hole. No listener hears of them. */
void chain_run(struct chain *chain, uint64_t last);

/* What is known of the last of some numbers. */
struct chain_last {
    uint64_t sequence;
    const struct digest *digest; /* NULL: not known */
    bool is_end;                 /* the producer's own word */
    int64_t recorded_at_us;      /* the latest of all of them */
};

/* Numbers up to this one are held, and each is linked to the one before it; how the first of them is to the chain's last
 * one was told before. No listener hears of them. */
void chain_linked(struct chain *chain, const struct chain_last *last);

/* These numbers are held, the first of which was before, or is below 1, as no sound ledger has it: told as breaks, one by
 * one, up to the first that is behind the chain's last one. */
void chain_doubled(struct chain *chain, uint64_t first, uint64_t last, int64_t recorded_at_us);

/* The digest of the last number, now that it is asked for. */
void chain_learn(struct chain *chain, const struct digest *digest);

/* Nothing more of this producer. `told_last`: the greatest number that anybody else knows of it (its books in the
 * ledger, an adopter); 0: nobody. `ended`: that number is its end. */
void chain_end(struct chain *chain, uint64_t told_last, bool ended);

#endif
