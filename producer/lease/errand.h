/* errand: one thing that Redis is to be asked, or told, for a claim or a permit.
 *
 *   ask      Grant it to this token. Asked again it is the same: who has it already gets it again, who stands in a line
 *            keeps his place.
 *   renew    Keep it for another lease. What Redis has forgotten, and nobody else has had since, it takes back.
 *   release  Forget this token.
 *
 * Each is one script (producer/lease/claim.h, producer/lease/permit.h): nothing comes between its steps, and the time is
 * that of the server. */
#ifndef TASKLEDGER_PRODUCER_LEASE_ERRAND_H
#define TASKLEDGER_PRODUCER_LEASE_ERRAND_H

#include "producer/lease/terms.h"
#include "proto/arena.h"
#include "proto/error.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stdint.h>

enum errand_kind { ERRAND_NONE, ERRAND_ASK, ERRAND_RENEW, ERRAND_RELEASE };

struct errand {
    enum errand_kind kind;
    const struct terms *terms; /* borrowed */
    const char *token;         /* borrowed; unlike any other */
    bool in_line;              /* ask for a permit: wait for one if there is none */
    uint32_t attempt;          /* claims: the greatest that was begun; 0: none yet */
    int64_t since_ms;          /* claims: when it was granted, by the server */
};

/* What Redis says to it. */
struct verdict {
    bool granted;                            /* ask: it is ours; renew: still, or again; release: always true */
    uint32_t attempt;                        /* claims: ours, or that of whoever has it */
    int64_t since_ms;                        /* claims: the same */
    int64_t left_ms;                         /* claims: of his lease */
    int64_t now_ms;                          /* the server's time */
    unsigned held;                           /* permits: at the moment, by all */
    unsigned place;                          /* permits: not granted: so many must be given back first */
    char holder[TERMS_HOLDER_BYTES_MAX + 1]; /* claims: who has it */
};

/* What scripts call it: "ask", "renew", "release". */
const char *errand_verb(enum errand_kind kind);

/* Append it to what is to be sent. TRANSIENT when not connected. */
bool errand_append(struct redis *redis, const struct errand *errand, struct error *error);

/* The next answer, which is to that errand. The arena is reset. */
bool errand_receive(struct redis *redis, struct arena *arena, const struct errand *errand, struct verdict *verdict,
                    struct error *error);

#endif
