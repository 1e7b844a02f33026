/* outage: whether a server is there; tells when it goes and when it is back, not at every try.
 *
 *   redis_away, postgresql_away          no connection
 *   redis_failing, postgresql_failing    it answers, but not as it should
 *   not_migrated                         somebody else is to make or upgrade the ledger
 *   redis_back, postgresql_back          with how long it took */
#ifndef TASKLEDGER_CONSUMER_DAEMON_OUTAGE_H
#define TASKLEDGER_CONSUMER_DAEMON_OUTAGE_H

#include "consumer/log.h"
#include "consumer/tally.h"
#include "proto/clock.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

enum outage_server { OUTAGE_REDIS, OUTAGE_POSTGRESQL };

/* Of one server. Zeroed, with these three set, is ready: nothing is known yet. */
struct outage {
    enum outage_server server;
    const struct log *log;
    const struct clock *clock;

    bool has_answered; /* once */
    bool going_on;
    const char *name;    /* as in the table above; static storage */
    struct error latest; /* why the last try failed */
    int64_t since_us;    /* monotonic */
    int64_t since_unix_us;
    uint64_t failures;
    struct tally told; /* reasons told in this outage: each once */
};

/* The server was asked, and failed; `connected`: there is a connection all the same. */
void outage_failed(struct outage *outage, bool connected, const struct error *error);

/* It has answered as it should. */
void outage_over(struct outage *outage);

/* It answered when it was last asked. */
bool outage_is_up(const struct outage *outage);

#endif
