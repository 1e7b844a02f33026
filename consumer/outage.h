/* outage: tells what is away when it goes and when it is back, not at every try.
 *
 *   redis_away, postgresql_away          no connection
 *   redis_failing, postgresql_failing    it answers, but not as it should
 *   not_migrated                         somebody else is to make or upgrade the ledger
 *   redis_back, postgresql_back          with how long it took */
#ifndef TASKLEDGER_CONSUMER_OUTAGE_H
#define TASKLEDGER_CONSUMER_OUTAGE_H

#include "consumer/log.h"
#include "consumer/tally.h"
#include "proto/clock.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

enum outage_server { OUTAGE_REDIS, OUTAGE_POSTGRESQL };

/* Zeroed, with log and clock set, is ready. */
struct outage {
    const struct log *log;
    const struct clock *clock;

    bool going_on;
    enum outage_server server;
    const char *name;   /* as in the table above; static storage */
    const char *reason; /* of the last failure; static storage */
    int64_t since_us;   /* monotonic */
    int64_t since_unix_us;
    uint64_t failures;
    struct tally told; /* reasons told in this outage: each once */
};

/* A turn failed. */
void outage_failed(struct outage *outage, enum outage_server server, bool connected, const struct error *error);

/* A turn went well. */
void outage_over(struct outage *outage);

#endif
