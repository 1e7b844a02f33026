/* setback: a ledger that went back: restored from a backup, or a standby that had not heard all.
 *
 * What taskledger:archived says was committed once. So a number there that is greater than the ledger's own proves that
 * the ledger lost commits: the other way round happens all the time, and never this. It is looked at once in each
 * session, by the holder of the watermark, before anything is trimmed:
 *
 *   1. every field is compared                              in pages
 *   2. if one is ahead: the group is set to the beginning of every stream, and a row of loss tells of it. What is
 *      retained is applied again; what the ledger has is there once all the same
 *   3. every field that is ahead is lowered to what the ledger holds, in pages, so that producers keep, and send again,
 *      what they have; the number that it had is noted in producer.known_sequence, so that what does not come again is
 *      a gap, see consumer/recovery/gaps.h
 *
 * Whoever dies in between leaves fields that are ahead: the next one begins anew, and what was done is done again. Who
 * fails and lives begins the present step anew: a failure that lasts must not set the group back again and again.
 *
 * All ledgers that one Redis serves tell their numbers in the same hash. A producer that the ledger has never heard of
 * is one that it lost, if it reads the usual stream; one of another ledger's, if it reads another stream. */
#ifndef TASKLEDGER_CONSUMER_RECOVERY_SETBACK_H
#define TASKLEDGER_CONSUMER_RECOVERY_SETBACK_H

#include "consumer/ledger/columns.h"
#include "consumer/postgres/postgres.h"
#include "consumer/stream/group.h"
#include "proto/arena.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SETBACK_PAGE_FIELDS = 1000, /* asked for; Redis may answer with somewhat more */
    SETBACK_ROUND_MS = 50,
    SETBACK_CURSOR_BYTES = 24,
};

enum setback_step { SETBACK_COMPARING, SETBACK_LOWERING, SETBACK_DONE };

/* Of the last one, and how many there were. */
struct setback_counters {
    uint64_t went_back;
    uint64_t producers;
    uint64_t events; /* at least so many were lost and are hoped for */
};

struct setback {
    struct postgres *postgres; /* borrowed, as are the next two */
    const struct clock *clock;
    const struct group *source;
    const char *group_name;
    unsigned shards;
    bool knows_all; /* producers that are in Redis: it reads the usual stream */

    uint64_t session; /* that this is about */
    enum setback_step step;
    char cursor[SETBACK_CURSOR_BYTES];
    bool plain; /* a server that knows no flags in scripts */
    struct setback_counters found;
    struct setback_counters counters;
    struct columns ahead; /* owned, as are the next two */
    struct columns kept;
    struct arena arena;
};

/* The first six are set, the rest is zero. */
void setback_init(struct setback *setback);
void setback_close(struct setback *setback);

/* Nothing is left to do in this session of PostgreSQL. */
bool setback_is_done(const struct setback *setback);

/* Go on for a moment. The session is open, and we hold the watermark in it; `line` is connected and has nothing
 * outstanding. */
bool setback_round(struct setback *setback, struct redis *line, struct error *error);

#endif
