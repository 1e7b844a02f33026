/* delivery: a producer that lives as long as one command, and what became of what it accepted.
 *
 * The library keeps trying in the background; here is the waiting at the end, within a deadline. What Redis has not
 * answered for by then is lost, and that is said. */
#ifndef TASKLEDGER_PRODUCER_EMIT_DELIVERY_H
#define TASKLEDGER_PRODUCER_EMIT_DELIVERY_H

#include "producer/emit/configuration.h"
#include "producer/taskledger/producer.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DELIVERY_QUEUE_EVENTS = 10000,
    DELIVERY_QUEUE_BYTES = 8 * 1024 * 1024,
    /* What closing is given even when there is no time left: a sender that still ran would be overtaken by the end of
     * the process, in the middle of a TLS handshake perhaps. */
    DELIVERY_CLOSE_MS = 100,
};

/* A producer as configured; one that emits nothing, which is said, when that is what was asked for. FATAL, "config". */
bool delivery_open(const struct configuration *configuration, struct taskledger_producer **producer,
                   struct error *error);

/* Wait for Redis at most `timeout_ms`, close the producer, and say so when events were lost. Returns whether none was. */
bool delivery_close(struct taskledger_producer *producer, int64_t timeout_ms);

#endif
