#include "producer/emit/delivery.h"

#include "producer/emit/console.h"
#include "proto/clock.h"

#include <inttypes.h>

bool delivery_open(const struct configuration *configuration, struct taskledger_producer **producer,
                   struct error *error)
{
    char reason[ERROR_TEXT_MAX];
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    options.redis_url = configuration->redis_url;
    options.stream = configuration->stream;
    options.shards = (uint32_t)configuration->shards;
    options.worker = configuration->worker;
    options.queue_events = DELIVERY_QUEUE_EVENTS;
    options.queue_bytes = DELIVERY_QUEUE_BYTES;
    options.ca_file = configuration->redis_ca_file;
    options.certificate_file = configuration->redis_certificate_file;
    options.key_file = configuration->redis_key_file;
    options.disabled = !configuration->enabled;

    struct taskledger_producer *opened = taskledger_open(&options, reason, sizeof reason);
    if (opened == NULL)
        return error_set(error, ERROR_FATAL, "config", "%s", reason);

    if (!configuration->enabled)
        console_say("nothing is emitted: TASKLEDGER_ENABLED=0");
    *producer = opened;
    return true;
}

static int32_t at_least(int64_t value, int32_t least)
{
    return value > least ? (int32_t)value : least;
}

bool delivery_close(struct taskledger_producer *producer, int64_t timeout_ms)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;
    int64_t deadline_us = clock_deadline_us(clock_system(), timeout_ms);

    /* Flushed first, since the reason can only be asked for while the producer is open. */
    uint64_t unanswered = taskledger_flush(producer, at_least(timeout_ms - DELIVERY_CLOSE_MS, 0));
    taskledger_counters(producer, &counters);
    uint64_t lost = taskledger_close(producer, at_least(clock_left_ms(clock_system(), deadline_us), DELIVERY_CLOSE_MS));

    /* When only the goodbye is missing, nothing is that anybody asked for. */
    if (unanswered == 0 || lost == 0)
        return true;
    console_say("lost, since Redis did not answer for it within %" PRId64 " ms: %s", timeout_ms,
                counters.last_error[0] == '\0' ? "no answer" : counters.last_error);
    return false;
}
