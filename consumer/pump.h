/* pump: read, apply, settle, for ever.
 *
 * The only control flow that matters. It owns no I/O, no memory and no clock but the one it is given, so that tests
 * drive it with fakes and replay with other sources.
 *
 *   TRANSIENT  rewind the source, back off, go on. What took too long ("canceled", "timeout") is applied in halves from then
 *              on, down to single entries; each batch that goes well makes the parts of the next one greater by an eighth
 *   REJECTED   cut the batch in two until the culprit stands alone; condemn that one; go on
 *   FATAL      return */
#ifndef TASKLEDGER_CONSUMER_PUMP_H
#define TASKLEDGER_CONSUMER_PUMP_H

#include "consumer/sink.h"
#include "consumer/source.h"
#include "proto/backoff.h"
#include "proto/clock.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct pump_counters {
    uint64_t batches; /* settled */
    uint64_t entries; /* settled */
    uint64_t condemned;
    uint64_t bisected; /* batches cut in two */
    uint64_t halved;   /* times that less was applied at once, since it had taken too long */
    uint64_t retries;  /* transient failures */
};

struct pump {
    struct source source;
    struct sink sink;
    const struct clock *clock;
    struct backoff backoff;
    size_t part_max; /* entries applied at once; 0: a whole batch */

    /* Called after each failed turn and after the first good one that follows, so that the program can log a change of
     * state once; `error` is NULL when all is well again. May be NULL. */
    void (*on_change)(void *observer, const struct error *error);

    /* Called after every turn, good or bad: housekeeping that must not wait for entries. May be NULL. */
    void (*on_turn)(void *observer);
    void *observer;

    struct pump_counters counters;
};

/* Run until the source has ended or something is FATAL. When `*stop` is set the source is told to finish: what was
 * delivered by then is applied and settled; if that fails it is left to whoever claims it. True unless FATAL. */
bool pump_run(struct pump *pump, const volatile sig_atomic_t *stop, struct error *error);

#endif
