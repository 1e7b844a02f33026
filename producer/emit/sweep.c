#include "producer/emit/sweep.h"

#include "producer/emit/console.h"
#include "producer/emit/delivery.h"
#include "producer/emit/stop.h"
#include "producer/sweep.h"
#include "proto/clock.h"
#include "proto/exit_code.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { STEP_MS = 100 };

static bool open_all(const struct configuration *configuration, int count, struct taskledger_producer **producer,
                     int *stop_fd, struct error *error)
{
    /* What it says itself need not be spooled: as long as Redis has not got that, what it is about is not removed. */
    struct configuration own = *configuration;

    own.spool = "off";
    if (count != 0)
        return error_set(error, ERROR_FATAL, "usage", "expected no words, found %d", count);
    return delivery_open(&own, producer, error) && stop_open(stop_fd, error);
}

/* EXIT_OK, EXIT_INTERRUPTED, or EXIT_INCOMPLETE when time was up or going on is in vain. */
static enum exit_code go_on(struct taskledger_producer *producer, const struct configuration *configuration,
                            int stop_fd, struct taskledger_counters *counters)
{
    int64_t deadline_us = clock_deadline_us(clock_system(), configuration->timeout_ms);
    uint64_t sweep = sweep_begin(producer);

    for (;;) {
        bool done = sweep > 0 && sweep_wait(producer, sweep, STEP_MS);

        taskledger_counters(producer, counters);
        if (done)
            return EXIT_OK;
        if (stop_is_wanted(stop_fd))
            return EXIT_INTERRUPTED;
        if (!configuration->wait &&
            (counters->refused_for_good != 0 || clock_left_ms(clock_system(), deadline_us) == 0))
            return EXIT_INCOMPLETE;
    }
}

static void say(const struct taskledger_counters *counters, const char *rest)
{
    console_say("%" PRIu64 " events sent, %" PRIu64 " spools done with%s", counters->adopted, counters->adopted_spools,
                rest);
}

/* What is left, and why. */
static void say_left(const struct configuration *configuration, const struct taskledger_counters *counters,
                     uint64_t left, const struct error *unreadable)
{
    char rest[CONSOLE_TEXT_BYTES_MAX];
    char reason[DELIVERY_REASON_BYTES];

    delivery_reason(configuration, counters, reason);
    if (unreadable->kind != ERROR_NONE)
        snprintf(reason, sizeof reason, "%s", unreadable->text);
    else if (counters->connects > 0 && counters->last_error[0] == '\0')
        snprintf(reason, sizeof reason, "the ledger has not got all of them yet");
    snprintf(rest, sizeof rest, "; %" PRIu64 " are left: %s", left, reason);
    say(counters, rest);
}

static int finish(struct taskledger_producer *producer, const struct configuration *configuration, enum exit_code code,
                  const struct taskledger_counters *counters)
{
    struct error unreadable = {.kind = ERROR_NONE};
    uint64_t left = 0;

    bool read = sweep_left(producer, &left, &unreadable);
    taskledger_close(producer, DELIVERY_GOODBYE_MS);
    if (read && left == 0) {
        say(counters, "; nothing is left");
        return code == EXIT_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_OK;
    }
    say_left(configuration, counters, left, &unreadable);
    if (code == EXIT_INTERRUPTED)
        return EXIT_INTERRUPTED;
    return read && counters->connects == 0 ? (int)delivery_exit_code(counters) : EXIT_INCOMPLETE;
}

int sweep_execute(const struct configuration *configuration, int count, char **words)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;
    struct taskledger_producer *producer = NULL;
    struct error error = {.kind = ERROR_NONE};
    int stop_fd = -1;

    (void)words;
    if (!open_all(configuration, count, &producer, &stop_fd, &error)) {
        console_complain("sweep", &error);
        taskledger_close(producer, 0);
        return EXIT_USAGE;
    }

    int code = EXIT_OK;
    if (configuration->enabled)
        code = finish(producer, configuration, go_on(producer, configuration, stop_fd, &counters), &counters);
    else
        taskledger_close(producer, 0);
    close(stop_fd);
    return code;
}
