/* delivery: a producer that lives as long as one command, and what became of what it accepted.
 *
 * The library keeps trying in the background; here is the waiting at the end. It ends when Redis has answered for
 * everything, when time is up, when somebody wants us to stop, and when trying on is in vain, since only an operator
 * can mend what is wrong. What Redis has not answered for by then goes to the spool, and what cannot, is lost; either
 * is said. */
#ifndef TASKLEDGER_PRODUCER_EMIT_DELIVERY_H
#define TASKLEDGER_PRODUCER_EMIT_DELIVERY_H

#include "producer/emit/configuration.h"
#include "producer/taskledger/producer.h"
#include "proto/error.h"
#include "proto/exit_code.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DELIVERY_QUEUE_EVENTS = 10000,
    DELIVERY_QUEUE_BYTES = 8 * 1024 * 1024,
    DELIVERY_STEP_MS = 20, /* while waiting: how soon it is seen that there is no more to wait for */

    /* What the goodbye is given; and what closing is given even when there is no time left: the spool takes what is
     * left then, and a sender that still ran would be overtaken by the end of the process, in the middle of a TLS
     * handshake perhaps. */
    DELIVERY_GOODBYE_MS = 500,
    DELIVERY_CLOSE_MS = 300,

    DELIVERY_REASON_BYTES = 640, /* the address and the last error of the counters */
};

/* A producer as configured; one that emits nothing, which is said, when that is what was asked for. FATAL, "config". */
bool delivery_open(const struct configuration *configuration, struct taskledger_producer **producer,
                   struct error *error);

/* Wait for Redis as long as configured, or until `stop_fd` is readable (negative: none), close the producer, and say
 * what is spooled or lost; in the time that is left send what others left behind. EXIT_OK when Redis or the spool has
 * everything, else the code below. */
enum exit_code delivery_close(struct taskledger_producer *producer, const struct configuration *configuration,
                              int stop_fd);

/* What closing is given, once Redis has everything, when there is so much time left. */
int32_t delivery_goodbye_ms(const struct configuration *configuration, int64_t left_ms);

/* Why events are still unanswered: "<address>: <last error>". */
void delivery_reason(const struct configuration *configuration, const struct taskledger_counters *counters,
                     char reason[DELIVERY_REASON_BYTES]);

/* So many events are in the spool: where, and who sends them. */
void delivery_say_spooled(const struct configuration *configuration, const char *reason, uint64_t events);

/* What to exit with when events are lost for that reason: EXIT_UNREACHABLE, or EXIT_USAGE when what we were told is
 * wrong. */
enum exit_code delivery_exit_code(const struct taskledger_counters *counters);

#endif
