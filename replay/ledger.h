/* ledger: the audit's view of PostgreSQL: read-only, one snapshot.
 *
 * Everything an answer says is of one moment: a REPEATABLE READ transaction, whose snapshot is named in the answer. An
 * audit that compares two ordered scans has two sessions on the same snapshot: rows stream in on `main` while `side`
 * pages along. Where much is read, a third has a part of it. Never blocks a writer. */
#ifndef TASKLEDGER_REPLAY_LEDGER_H
#define TASKLEDGER_REPLAY_LEDGER_H

#include "consumer/postgres/postgres.h"
#include "proto/clock.h"
#include "proto/error.h"

#include <stdbool.h>

enum { LEDGER_SNAPSHOT_BYTES = 64 };

struct ledger {
    struct postgres *main;
    struct postgres *side;                /* closed but after ledger_begin_twice */
    struct postgres *more;                /* closed but between ledger_join and ledger_leave */
    char snapshot[LEDGER_SNAPSHOT_BYTES]; /* pg_current_snapshot(), cut: "741:745:742,743" */
    char shared[LEDGER_SNAPSHOT_BYTES];   /* the name by which another session takes it */
    int64_t now_us;                       /* the server's time when the snapshot was taken */
    uint64_t main_began_in;               /* the session that has a transaction open; 0: none */
    uint64_t side_began_in;
    uint64_t more_began_in;
};

/* Connect, and see that a ledger is there that this version can read. FATAL "schema" when not. A zeroed ledger can be
 * closed. `url` as postgres_options.url; borrowed. */
bool ledger_open(struct ledger *ledger, const char *url, const struct clock *clock, struct error *error);
void ledger_close(struct ledger *ledger);

/* The same with other bounds; `options` say read_only. */
bool ledger_open_as(struct ledger *ledger, const struct postgres_options *options, struct error *error);

/* Begin a transaction on a fresh snapshot; one that is open is ended first. */
bool ledger_begin(struct ledger *ledger, struct error *error);

/* End it, if it is the main session's alone: for who stays connected and does not ask. */
void ledger_end(struct ledger *ledger);

/* The same with the side session on the same snapshot. */
bool ledger_begin_twice(struct ledger *ledger, struct error *error);

/* After that: a third session on the same snapshot, for as long as it is needed. */
bool ledger_join(struct ledger *ledger, struct error *error);
void ledger_leave(struct ledger *ledger);

/* A bigint as a parameter; the slice is of `bytes`. */
static inline struct slice ledger_bigint(uint64_t number, uint8_t bytes[sizeof(int64_t)])
{
    for (size_t i = 0; i < sizeof(int64_t); i++)
        bytes[i] = (uint8_t)(number >> (56 - 8 * i));
    return slice_of(bytes, sizeof(int64_t));
}

/* Unix microseconds as a timestamptz, likewise; INT64_MIN and INT64_MAX are before and after all times. */
struct slice ledger_time(int64_t unix_us, uint8_t bytes[sizeof(int64_t)]);

/* About how many events there are, as the server's statistics say; 0: not known. */
bool ledger_estimate(struct ledger *ledger, uint64_t *events, struct error *error);

#endif
