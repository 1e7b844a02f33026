/* holding: what becomes of one claim or permit, from being asked for to being forgotten.
 *
 * Rules only: no lock, no thread, no I/O. Whoever carries its errands to Redis says when one is sent and what came of
 * it; the holding says what is to be done next, and when.
 *
 *   ASKED    not decided: asks, again and again, while there is time to wait
 *   HELD     renews every third of the lease
 *   LOCAL    a permit by the local limit
 *   LOST     was held, and is not any more
 *   TAKEN    others have it
 *   AWAY     Redis gave no answer
 *   RETURNED given back, or given up
 *
 * Whatever Redis may know of it at the end is released, as long as it makes a difference. Times without another name are
 * monotonic microseconds. */
#ifndef TASKLEDGER_PRODUCER_LEASE_HOLDING_H
#define TASKLEDGER_PRODUCER_LEASE_HOLDING_H

#include "producer/lease/errand.h"
#include "producer/lease/tenure.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum holding_state {
    HOLDING_ASKED,
    HOLDING_HELD,
    HOLDING_LOCAL,
    HOLDING_LOST,
    HOLDING_TAKEN,
    HOLDING_AWAY,
    HOLDING_RETURNED,
};

struct holding {
    struct terms terms;
    char token[UUID_HEX_BYTES];
    enum holding_state state;
    enum taskledger_lease_result result; /* TASKLEDGER_WAITING until it is decided */
    struct tenure tenure;

    enum errand_kind errand; /* what is to be done */
    int64_t due_us;          /* and when */
    int64_t give_up_us;      /* from when on a release makes no difference */
    bool known;              /* Redis may know the token */
    bool in_doubt;           /* what was sent with it was not answered, and may still arrive */
    unsigned refusals;       /* so many times others had it */

    int64_t asked_us;
    int64_t answer_by_us; /* when Redis is taken to be away */

    uint32_t attempt;     /* of a claim: of what is done under it */
    uint32_t attempt_due; /* the greatest that Redis is to hear of */
    uint32_t attempt_told;
    int64_t attempt_sure; /* nobody else gets one that is smaller: it was ours then, by the server's clock */
    int64_t attempt_free; /* the same, unless Redis forgets it: the lease lasts until then */
    int64_t since_ms;

    struct verdict verdict; /* the last one that granted nothing */
    struct error why;       /* what kept it from being granted; kind ERROR_NONE: nothing */
};

/* When an errand was sent, by both clocks. */
struct holding_sent {
    int64_t at_us;
    int64_t at_boot_us;
};

/* Asked for, now. Copies the terms. */
void holding_init(struct holding *holding, const struct terms *terms, const char *token, int64_t now_us);

/* Ask now, not later: what is asked for may be there. False: it was not going to ask later. */
bool holding_hurry(struct holding *holding, int64_t now_us);

/* When there is something to be done next; INT64_MAX: nothing. */
int64_t holding_due_us(const struct holding *holding);

/* What is to be done: it is about to be sent. Borrows from the holding. */
struct errand holding_send(struct holding *holding, int64_t now_us);

/* What came of it: a verdict, an error answer, or nothing. */
void holding_answered(struct holding *holding, const struct errand *errand, const struct verdict *verdict,
                      struct holding_sent sent, int64_t now_us);
void holding_refused(struct holding *holding, const struct errand *errand, const struct error *error, int64_t now_us);
void holding_unanswered(struct holding *holding, const struct error *error, int64_t now_us);

/* Has its time passed? To be called whenever somebody looks. */
void holding_look(struct holding *holding, int64_t now_us);

/* When looking may next make a difference, if nothing is heard before; INT64_MAX: never. */
int64_t holding_change_us(const struct holding *holding, int64_t now_us);

/* Redis is taken to be away, and it may be granted by the local limit: by who is asked for it is then decided by the
 * caller. `known_away`: it need not be waited for. */
bool holding_wants_local(const struct holding *holding, bool known_away, int64_t now_us);
void holding_grant_local(struct holding *holding, int64_t now_us);
void holding_refuse_local(struct holding *holding, int64_t now_us);

/* Given back, or up. */
void holding_return(struct holding *holding, int64_t now_us);

/* Whether Redis has to hear of another attempt before it is used. */
enum holding_hearing { HOLDING_NEED_NOT_HEAR, HOLDING_SHOULD_HEAR, HOLDING_MUST_HEAR };

/* Another attempt's number, or 0: it is told with the next renewal, which is due now. Then use it, when attempt_told has
 * reached it or one has waited long enough for that: false, it must not be used. */
uint32_t holding_next_attempt(struct holding *holding, enum holding_hearing *hearing, int64_t now_us);
bool holding_use_attempt(struct holding *holding, uint32_t attempt, enum holding_hearing hearing);

#endif
