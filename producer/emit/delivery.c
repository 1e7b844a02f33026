#include "producer/emit/delivery.h"

#include "producer/emit/console.h"
#include "producer/emit/leftovers.h"
#include "producer/emit/stop.h"
#include "proto/clock.h"
#include "proto/redis_url.h"
#include "proto/stream_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { FOR_WHAT_WE_WERE_TOLD = 2 }; /* of refused_for_good */
enum { DELIVERY_TEXT_BYTES = DELIVERY_REASON_BYTES + 64 };

/* ---- the beginning ----------------------------------------------------------------------------------------------- */

static enum taskledger_spool spool_of(const char *word)
{
    if (strcmp(word, "off") == 0)
        return TASKLEDGER_SPOOL_OFF;
    return strcmp(word, "always") == 0 ? TASKLEDGER_SPOOL_ALWAYS : TASKLEDGER_SPOOL_OVERFLOW;
}

bool delivery_open(const struct configuration *configuration, struct taskledger_producer **producer,
                   struct error *error)
{
    static const struct field_name names[] = {
        {"worker", "--worker (TASKLEDGER_WORKER)"},
        {"stream", "--stream (TASKLEDGER_STREAM)"},
        {"spool_target", "--spool-target (TASKLEDGER_SPOOL_TARGET)"},
        {NULL, NULL},
    };
    char reason[ERROR_TEXT_MAX];
    char reworded[ERROR_TEXT_MAX];
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    options.redis_url = configuration->redis_url;
    options.stream = configuration->stream;
    options.shards = (uint32_t)configuration->shards;
    options.worker = configuration->worker;
    options.spool = spool_of(configuration->spool);
    options.spool_dir = configuration->spool_dir;
    options.spool_target = configuration->spool_target;
    options.spool_bytes = (uint64_t)configuration->spool_bytes;
    options.queue_events = DELIVERY_QUEUE_EVENTS;
    options.queue_bytes = DELIVERY_QUEUE_BYTES;
    options.ca_file = configuration->redis_ca_file;
    options.certificate_file = configuration->redis_certificate_file;
    options.key_file = configuration->redis_key_file;
    options.disabled = !configuration->enabled;

    /* What has no flag; and where the spool is if that was not said. */
    if (taskledger_options_from_environment(&options, reason, sizeof reason) != 0)
        return error_set(error, ERROR_FATAL, "config", "%s", reason);

    struct taskledger_producer *opened = taskledger_open(&options, reason, sizeof reason);
    if (opened == NULL) {
        field_reword(reason, names, reworded);
        return error_set(error, ERROR_FATAL, "config", "%s", reworded);
    }

    if (!configuration->enabled)
        console_say("nothing is emitted: TASKLEDGER_ENABLED=0");
    *producer = opened;
    return true;
}

/* ---- why not ----------------------------------------------------------------------------------------------------- */

void delivery_reason(const struct configuration *configuration, const struct taskledger_counters *counters,
                     char reason[DELIVERY_REASON_BYTES])
{
    const char *given = configuration->redis_url == NULL ? STREAM_OPTIONS_REDIS_URL : configuration->redis_url;
    char address[REDIS_URL_PLACE_MAX] = "Redis";
    struct redis_url url;
    struct error error;

    /* What failed names its server; what has not even failed yet does not. */
    if (counters->last_error[0] != '\0') {
        snprintf(reason, DELIVERY_REASON_BYTES, "%s", counters->last_error);
        return;
    }
    if (redis_url_parse(given, &url, &error))
        redis_url_describe(&url, address);
    explicit_bzero(&url, sizeof url);
    snprintf(reason, DELIVERY_REASON_BYTES, "%s: no answer", address);
}

enum exit_code delivery_exit_code(const struct taskledger_counters *counters)
{
    return counters->refused_for_good == FOR_WHAT_WE_WERE_TOLD ? EXIT_USAGE : EXIT_UNREACHABLE;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

enum ending { DELIVERED, REFUSED, STOPPED, LATE };

static int32_t within(int64_t value, int32_t minimum, int32_t maximum)
{
    if (value < minimum)
        return minimum;
    return value < maximum ? (int32_t)value : maximum;
}

/* Before the producer is closed, since the reason can only be asked for while it is open. */
static enum ending wait_for_answers(struct taskledger_producer *producer, int64_t deadline_us, int stop_fd,
                                    struct taskledger_counters *counters)
{
    for (;;) {
        int64_t left_ms = clock_left_ms(clock_system(), deadline_us);

        if (taskledger_flush(producer, within(left_ms, 0, DELIVERY_STEP_MS)) == 0)
            return DELIVERED;
        taskledger_counters(producer, counters);
        if (counters->refused_for_good != 0)
            return REFUSED;
        if (stop_is_wanted(stop_fd))
            return STOPPED;
        if (left_ms <= 0)
            return LATE;
    }
}

/* "not delivered within 2s: <reason>" */
static void describe(enum ending ending, const char *reason, int64_t timeout_ms, char text[DELIVERY_TEXT_BYTES])
{
    if (ending == REFUSED)
        snprintf(text, DELIVERY_TEXT_BYTES, "not delivered: %s", reason);
    else if (ending == STOPPED)
        snprintf(text, DELIVERY_TEXT_BYTES, "not delivered before it was stopped: %s", reason);
    else if (timeout_ms % 1000 == 0)
        snprintf(text, DELIVERY_TEXT_BYTES, "not delivered within %" PRId64 "s: %s", timeout_ms / 1000, reason);
    else
        snprintf(text, DELIVERY_TEXT_BYTES, "not delivered within %" PRId64 "ms: %s", timeout_ms, reason);
}

void delivery_say_spooled(const struct configuration *configuration, const char *reason, uint64_t events)
{
    const char *directory = "";
    struct error error;

    (void)configuration_spool_dir(configuration, &directory, &error);
    console_say("%s; %" PRIu64
                " event%s in the spool %s, from where the next producer or `taskledger-emit sweep` sends %s",
                reason, events, events == 1 ? " is" : "s are", directory, events == 1 ? "it" : "them");
}

/* Why the spool has not got what it should have. */
static void say_lost(const char *text, const struct taskledger_counters *counters)
{
    if (counters->spool_error[0] != '\0')
        console_say("%s; %s; the events are lost", text, counters->spool_error);
    else
        console_say("%s; the events are lost", text);
}

/* In `always` the ledger's word is waited for, else only the goodbye's answer. */
int32_t delivery_goodbye_ms(const struct configuration *configuration, int64_t left_ms)
{
    bool waits = strcmp(configuration->spool, "always") == 0;

    return within(left_ms, DELIVERY_CLOSE_MS, waits ? INT32_MAX : DELIVERY_GOODBYE_MS);
}

enum exit_code delivery_close(struct taskledger_producer *producer, const struct configuration *configuration,
                              int stop_fd)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;
    int32_t close_ms = within(configuration->timeout_ms / 4, 0, DELIVERY_CLOSE_MS);
    int64_t end_us = clock_deadline_us(clock_system(), configuration->timeout_ms);
    int64_t deadline_us = end_us - INT64_C(1000) * close_ms;
    char reason[DELIVERY_REASON_BYTES];
    char text[DELIVERY_TEXT_BYTES];

    enum ending ending = wait_for_answers(producer, deadline_us, stop_fd, &counters);
    taskledger_counters(producer, &counters);
    int64_t left_ms = ending == DELIVERED ? clock_left_ms(clock_system(), end_us) : 0;
    uint64_t lost = taskledger_close(producer, delivery_goodbye_ms(configuration, left_ms));

    if (counters.spool_lost > 0) {
        console_say("%s", counters.spool_error);
        return EXIT_INCOMPLETE;
    }
    /* When only the goodbye is missing, nothing is that anybody asked for. */
    if (ending == DELIVERED) {
        leftovers_send(configuration, clock_left_ms(clock_system(), end_us), stop_fd);
        return EXIT_OK;
    }
    delivery_reason(configuration, &counters, reason);
    describe(ending, reason, configuration->timeout_ms, text);
    if (lost > 0) {
        say_lost(text, &counters);
        return delivery_exit_code(&counters);
    }
    if (strcmp(configuration->spool, "off") == 0)
        return EXIT_OK; /* it was delivered in the end */
    delivery_say_spooled(configuration, text, counters.accepted - counters.sent);
    return counters.refused_for_good == FOR_WHAT_WE_WERE_TOLD ? EXIT_USAGE : EXIT_OK;
}
