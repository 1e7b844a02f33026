#include "producer/emit/leftovers.h"

#include "producer/emit/delivery.h"
#include "producer/emit/stop.h"
#include "producer/spool/glance.h"
#include "producer/spool/spool.h"
#include "producer/sweep.h"
#include "proto/clock.h"

#include <string.h>

struct search {
    const char *directory;
    bool found;
};

/* Goes on until one of the gone has left a segment. */
static bool look(void *self, const char *name)
{
    struct search *search = self;
    struct glance glance;
    struct error unreadable;

    if (glance_take(search->directory, name, &glance, &unreadable))
        search->found = !glance.is_held && glance.segments > 0;
    return !search->found;
}

static bool are_there(const struct configuration *configuration)
{
    struct search search = {.found = false};
    struct error unreadable;

    if (!configuration->enabled || strcmp(configuration->spool, "off") == 0)
        return false;
    return configuration_spool_dir(configuration, &search.directory, &unreadable) &&
           spool_list(search.directory, look, &search, &unreadable) && search.found;
}

static void sweep(struct taskledger_producer *producer, int64_t deadline_us, int stop_fd)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;
    uint64_t number = sweep_begin(producer);

    while (number > 0 && !sweep_wait(producer, number, DELIVERY_STEP_MS)) {
        taskledger_counters(producer, &counters);
        if (counters.refused_for_good != 0 || stop_is_wanted(stop_fd) ||
            clock_left_ms(clock_system(), deadline_us) == 0)
            return;
    }
}

void leftovers_send(const struct configuration *configuration, int64_t timeout_ms, int stop_fd)
{
    int64_t patience_ms = timeout_ms < LEFTOVERS_MS_MAX ? timeout_ms : LEFTOVERS_MS_MAX;
    int64_t deadline_us = clock_deadline_us(clock_system(), patience_ms - DELIVERY_CLOSE_MS);
    struct taskledger_producer *producer = NULL;
    struct configuration own = *configuration;
    struct error error;

    /* As in a sweep: what it says itself need not be spooled. */
    own.spool = "off";
    if (patience_ms <= DELIVERY_CLOSE_MS || !are_there(configuration) || !delivery_open(&own, &producer, &error))
        return;
    sweep(producer, deadline_us, stop_fd);
    taskledger_close(producer, DELIVERY_CLOSE_MS);
}
