#include "producer/emit/sweep.h"

#include "producer/emit/console.h"
#include "producer/emit/delivery.h"
#include "producer/emit/stop.h"
#include "producer/spool/spool.h"
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

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static void say(const struct taskledger_counters *counters, const char *rest)
{
    console_say("%" PRIu64 " event%s sent, %" PRIu64 " spool%s done with; %s", counters->adopted,
                plural(counters->adopted), counters->adopted_spools, plural(counters->adopted_spools), rest);
}

/* Where it was looked: a wrong folder is as empty as one that was swept. */
static void say_nothing_left(const char *directory, const struct taskledger_counters *counters,
                             const struct adoption_left *left)
{
    char rest[CONSOLE_TEXT_BYTES_MAX];
    bool exists = access(directory, F_OK) == 0;

    snprintf(rest, sizeof rest,
             !exists            ? "there is no folder %s"
             : left->others > 0 ? "nothing is left for this Redis in %s"
                                : "nothing is left in %s",
             directory);
    say(counters, rest);
}

/* Perhaps Redis has moved; perhaps it is not ours. */
static void say_others(const char *directory, const struct adoption_left *left)
{
    console_say("%" PRIu64
                " spool%s in %s %s for another Redis and left alone: to send what is there to this one all the "
                "same, say --spool-target '%s'",
                left->others, plural(left->others), directory, left->others == 1 ? "is" : "are", left->other_target);
}

static void find_reason(const struct configuration *configuration, const struct taskledger_counters *counters,
                        char reason[DELIVERY_REASON_BYTES])
{
    if (!configuration->enabled)
        snprintf(reason, DELIVERY_REASON_BYTES, "TASKLEDGER_ENABLED=0");
    else if (counters->connects > 0 && counters->last_error[0] == '\0')
        snprintf(reason, DELIVERY_REASON_BYTES, "the ledger has not got all of them yet");
    else
        delivery_reason(configuration, counters, reason);
}

static void say_waiting(const struct configuration *configuration, const struct taskledger_counters *counters)
{
    char rest[CONSOLE_TEXT_BYTES_MAX];
    char reason[DELIVERY_REASON_BYTES];

    find_reason(configuration, counters, reason);
    snprintf(rest, sizeof rest, "going on: %s", reason);
    say(counters, rest);
}

/* What is left, and why. */
static void say_left(const struct configuration *configuration, const char *directory,
                     const struct taskledger_counters *counters, uint64_t left, const struct error *unreadable)
{
    char rest[CONSOLE_TEXT_BYTES_MAX];
    char reason[DELIVERY_REASON_BYTES];

    if (unreadable->kind != ERROR_NONE) {
        snprintf(rest, sizeof rest, "what is left in %s is not known: %s", directory, unreadable->text);
        say(counters, rest);
        return;
    }

    find_reason(configuration, counters, reason);
    snprintf(rest, sizeof rest, "%" PRIu64 " %s left in %s: %s", left, left == 1 ? "is" : "are", directory, reason);
    say(counters, rest);
}

/* It went with a spool that is done with: nobody will say so again. */
static void say_damaged(const char *directory, uint64_t damaged)
{
    console_say("%" PRIu64
                " segment%s could not be read to the end, being damaged or removed by somebody: the events behind "
                "that are lost; what is left of %s is set aside in %s/*/*.damaged",
                damaged, damaged == 1 ? "" : "s", damaged == 1 ? "it" : "them", directory);
}

/* EXIT_OK, EXIT_INTERRUPTED, or EXIT_INCOMPLETE when time was up or going on is in vain. Who waits for longer is told
 * once what for. */
static enum exit_code go_on(struct taskledger_producer *producer, const struct configuration *configuration,
                            int stop_fd, struct taskledger_counters *counters)
{
    int64_t deadline_us = clock_deadline_us(clock_system(), configuration->timeout_ms);
    uint64_t sweep = sweep_begin(producer);
    bool was_told = false;

    for (;;) {
        bool done = sweep > 0 && sweep_wait(producer, sweep, STEP_MS);

        taskledger_counters(producer, counters);
        if (done)
            return EXIT_OK;
        if (stop_is_wanted(stop_fd))
            return EXIT_INTERRUPTED;
        if (counters->refused_for_good == 0 && clock_left_ms(clock_system(), deadline_us) > 0)
            continue;
        if (!configuration->wait)
            return EXIT_INCOMPLETE;
        if (!was_told)
            say_waiting(configuration, counters);
        was_told = true;
    }
}

static int finish(struct taskledger_producer *producer, const struct configuration *configuration, enum exit_code code,
                  const struct taskledger_counters *counters)
{
    struct error unreadable = {.kind = ERROR_NONE};
    const char *directory = "";
    struct adoption_left left = {.events = 0};

    (void)configuration_spool_dir(configuration, &directory, &unreadable);
    bool read = sweep_left(producer, &left, &unreadable);
    taskledger_close(producer, DELIVERY_GOODBYE_MS);
    if (counters->adopted_damaged > 0)
        say_damaged(directory, counters->adopted_damaged);
    if (left.others > 0)
        say_others(directory, &left);
    if (read && left.events == 0) {
        say_nothing_left(directory, counters, &left);
        if (code == EXIT_INTERRUPTED)
            return EXIT_INTERRUPTED;
        return counters->adopted_damaged > 0 || left.others > 0 ? EXIT_INCOMPLETE : EXIT_OK;
    }
    say_left(configuration, directory, counters, left.events, &unreadable);
    if (code == EXIT_INTERRUPTED)
        return EXIT_INTERRUPTED;
    return read && configuration->enabled && counters->connects == 0 ? (int)delivery_exit_code(counters)
                                                                     : EXIT_INCOMPLETE;
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

    enum exit_code code = configuration->enabled ? go_on(producer, configuration, stop_fd, &counters) : EXIT_OK;
    close(stop_fd);
    return finish(producer, configuration, code, &counters);
}
