/* crossing: from one run of a producer's numbers to the next, across a hole: the two events around it are read, and the
 * chain is told of the one behind it, which may declare the hole. */
#ifndef TASKLEDGER_REPLAY_VERIFY_CROSSING_H
#define TASKLEDGER_REPLAY_VERIFY_CROSSING_H

#include "consumer/postgres/postgres.h"
#include "proto/digester.h"
#include "proto/error.h"
#include "replay/verify/chain.h"
#include "replay/verify/redacted.h"

#include <stdbool.h>
#include <stdint.h>

/* Borrowed; the session is free for other statements between two calls. */
struct crossing {
    struct postgres *postgres;
    struct digester *digester;
};

/* One of the events that were read; it borrows from the result. */
struct crossing_event {
    bool is_there;
    struct slice payload;
    int64_t recorded_at_us;
};

/* Two numbers of a producer; they may be the same. */
bool crossing_query(const struct crossing *crossing, const struct uuid *producer_id, uint64_t first, uint64_t second,
                    struct postgres_result **result, struct error *error);
struct crossing_event crossing_find(const struct postgres_result *result, uint64_t sequence);

/* What carries a digest, of the bytes or of what is left of them; false, without an error, when it cannot be told. The
 * event borrows from the result and from `redacted`, which is filled if it was redacted. */
bool crossing_decode(const struct crossing *crossing, const struct crossing_event *read, const struct uuid *producer_id,
                     uint64_t sequence, struct redacted *redacted, struct event *event, struct error *error);

/* This number of the chain's producer comes next, behind a hole. Not *is_found: no index leads to it, and the chain heard
 * nothing. */
bool crossing_to(const struct crossing *crossing, struct chain *chain, uint64_t sequence, bool *is_found,
                 struct error *error);

#endif
