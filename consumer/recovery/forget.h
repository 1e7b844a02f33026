/* forget: take back what producers were told that are gone.
 *
 * The field of a producer in taskledger:archived is needed until the last who waits for it has seen it. When a producer
 * is closed, all it ever said is held, and nothing has changed for a day, it goes: first in Redis, then it is noted in
 * producer.watermark_removed_at, so it may be done twice but is never left out. A field that is not there says nothing;
 * it never says 0. If something of the producer comes once more it is told again, and removed a day later again.
 *
 * A producer takes a new identity after 7 days. One that was born 9 days ago and was silent for a day is gone too,
 * whether it died without a word or left numbers out that nobody will send: it would wait in Redis for ever. Whoever
 * finds its spool later is told again all the same, see consumer/recovery/retell.h.
 *
 * Two partial indexes hold those that still have a field, closed ones and others: the many that had one, and those that
 * live, cost nothing. */
#ifndef TASKLEDGER_CONSUMER_RECOVERY_FORGET_H
#define TASKLEDGER_CONSUMER_RECOVERY_FORGET_H

#include "consumer/ledger/columns.h"
#include "consumer/postgres/postgres.h"
#include "proto/arena.h"
#include "proto/redis.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FORGET_MS = 10000,     /* between two pages; */
    FORGET_AGAIN_MS = 200, /* the same when the page was full */
    FORGET_PAGE_MAX = 500, /* producers looked at */
};

struct forget {
    struct postgres *postgres; /* borrowed */
    struct columns removed;
    struct uuid after; /* where the next page begins */
    uint64_t fields;   /* removed, ever */
};

void forget_init(struct forget *forget, struct postgres *postgres);
void forget_close(struct forget *forget);

/* One page, over `line`, which is connected and has nothing outstanding; the session with PostgreSQL is open. `*more`:
 * there may be another. The arena holds the answer. */
bool forget_page(struct forget *forget, struct redis *line, struct arena *arena, bool *more, struct error *error);

#endif
