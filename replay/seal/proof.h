/* proof: what was sealed, against what is there.
 *
 * Two rows in the same order go side by side: the segments of a seal, and the numbers that a ledger holds. A segment
 * holds when all of its numbers are there and the digests of their bytes have the sealed sum. When they have not, the
 * chain tells where: an event that does not carry the digest of the one before it follows one that was changed, and
 * what comes behind the last break up to an end that has the sealed digest is unchanged.
 *
 *   numbers of a segment      what it is
 *   missing, later ones there removed
 *   missing up to the end     truncated; gone when nothing at all is left of the producer
 *   all there, another sum    changed
 *   between two segments      late, if the chain leads through them; inserted, if it holds across or they lead elsewhere
 *
 * Of a pruned producer only the record of pruning can tell. Numbers behind the last segment came later. Pure, but for
 * what it asks its world. Bounded. */
#ifndef TASKLEDGER_REPLAY_SEAL_PROOF_H
#define TASKLEDGER_REPLAY_SEAL_PROOF_H

#include "proto/digester.h"
#include "proto/error.h"
#include "replay/seal/seal_line.h"
#include "replay/verify/chain.h"

#include <stdbool.h>
#include <stdint.h>

enum proof_kind {
    PROOF_CHANGED,   /* an event in first ... last is not what was sealed; more cannot be told */
    PROOF_REMOVED,   /* first ... last, of which `count` were sealed, are gone; later ones are there */
    PROOF_TRUNCATED, /* the same at the producer's end */
    PROOF_GONE,      /* the same of all that was sealed of a producer, and nothing else of it is there */
    PROOF_INSERTED,  /* `count` events in first ... last, where there were none, or that lead to other events */
    PROOF_UNPROVEN,  /* a segment of a pruned producer that the record of pruning does not tell of */
};

struct proof_finding {
    enum proof_kind kind;
    struct uuid producer_id;
    uint64_t first;
    uint64_t last;
    uint64_t count;
};

enum proof_pruned {
    PROOF_NOT_PRUNED,     /* its events should be there */
    PROOF_BOUNDARY,       /* the record of pruning has this segment with this digest */
    PROOF_OTHER_BOUNDARY, /* with another one */
    PROOF_PRUNED,         /* the producer was pruned, and the record has no such segment */
};

struct proof_world {
    /* The next sealed segment that is asked for. */
    bool (*next)(void *self, struct seal_segment *segment, bool *ended, struct error *error);
    /* What became of a segment of which no number is there. */
    bool (*pruned)(void *self, const struct seal_segment *segment, enum proof_pruned *pruned, struct error *error);
    void (*tell)(void *self, const struct proof_finding *finding);
    void *self;
};

struct proof_count {
    uint64_t producers;
    uint64_t segments;
    uint64_t events;
};

/* Set world and digester; zero the rest. */
struct proof {
    struct proof_world world;
    struct digester *digester; /* borrowed, for nothing else until the end */

    struct proof_count asked;  /* met in the seal */
    struct proof_count held;   /* of these, what is there and unchanged; its producers: of which anything is there */
    struct proof_count pruned; /* held by the record of pruning alone */
    struct proof_count unproven;

    /* The rest is the proof's own. */
    bool began;
    bool failed;
    struct error why;
    struct seal_segment segment; /* the present one */
    bool has_segment;
    uint64_t next;          /* of its numbers, the least that was not met yet */
    bool is_whole;          /* none is missing */
    struct digest digest;   /* of the last one that was met */
    uint64_t suspect_first; /* where it may have been changed, as the links tell; 0: they tell nothing */
    uint64_t suspect_last;
    struct seal_segment before;   /* the one before of the same producer; first is 0 when there is none */
    bool is_met;                  /* anything of its producer */
    struct proof_finding gap;     /* numbers that are missing, and whether at the end is not known yet; count 0: none */
    struct proof_finding between; /* events in front of the segment; count 0: none */
};

/* The next number that is held; as chain_listener.step, with the proof as its self. */
void proof_step(void *self, const struct chain_step *step);

/* There are no more. Fails when something that was asked of the world did. */
bool proof_end(struct proof *proof, struct error *error);

#endif
