#include "producer/emit/pace.h"

#include "producer/emit/delivery.h"
#include "producer/emit/stop.h"
#include "proto/clock.h"
#include "proto/event.h"

enum {
    EVENT_COST = 1024,   /* what keeping an event costs above its text */
    RESERVED_EVENTS = 8, /* for what the producer says about itself */
    /* For the same, and for what a ring gives away where the next event does not fit before its end. */
    RESERVED_BYTES = RESERVED_EVENTS * EVENT_COST + 2 * EVENT_BYTES_MAX,
};

void pace_init(struct pace *pace, struct taskledger_producer *producer, int stop_fd, int64_t timeout_ms)
{
    *pace = (struct pace){.producer = producer, .stop_fd = stop_fd, .timeout_ms = timeout_ms};
}

static uint64_t cost(size_t text_bytes)
{
    return EVENT_COST + (text_bytes < EVENT_BYTES_MAX ? text_bytes : EVENT_BYTES_MAX);
}

static uint64_t above(uint64_t limit, uint64_t used)
{
    return used < limit ? limit - used : 0;
}

/* What the spool has makes room in memory as soon as room is wanted. */
static uint64_t count_held(const struct taskledger_counters *counters)
{
    uint64_t elsewhere = counters->sent + counters->spooled;

    if (counters->spooled == 0)
        return counters->queued;
    return counters->accepted > elsewhere ? counters->accepted - elsewhere : 0;
}

static void look(struct pace *pace, struct taskledger_counters *counters)
{
    taskledger_counters(pace->producer, counters);

    uint64_t held = count_held(counters);
    pace->events = above(DELIVERY_QUEUE_EVENTS - RESERVED_EVENTS, held);
    pace->bytes = above(DELIVERY_QUEUE_BYTES - RESERVED_BYTES, held == 0 ? 0 : counters->queued_bytes);
    pace->look_again_us = clock_deadline_us(clock_system(), DELIVERY_STEP_MS);
}

enum pace_result pace_look(struct pace *pace)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;

    look(pace, &counters);
    return counters.refused_for_good == 0 ? PACE_GO : PACE_REFUSED;
}

/* Until there is room for `bytes`, or, when that is 0, until everything is sent. */
static enum pace_result wait_for(struct pace *pace, uint64_t bytes)
{
    const struct clock *clock = clock_system();
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;
    int64_t deadline_us = clock_deadline_us(clock, pace->timeout_ms);
    uint64_t sent;

    look(pace, &counters);
    for (;;) {
        sent = counters.sent;
        if (bytes > 0 ? pace->events > 0 && pace->bytes >= bytes
                      : counters.sent + counters.spool_lost == counters.accepted)
            return PACE_GO;
        if (counters.refused_for_good != 0)
            return PACE_REFUSED;
        if (stop_is_wanted(pace->stop_fd))
            return PACE_STOPPED;
        if (clock_left_ms(clock, deadline_us) == 0)
            return PACE_STALLED;

        taskledger_flush(pace->producer, DELIVERY_STEP_MS);
        look(pace, &counters);
        if (counters.sent != sent)
            deadline_us = clock_deadline_us(clock, pace->timeout_ms);
    }
}

enum pace_result pace_wait(struct pace *pace, size_t text_bytes)
{
    uint64_t bytes = cost(text_bytes);

    if (clock_left_ms(clock_system(), pace->look_again_us) == 0 && pace_look(pace) == PACE_REFUSED)
        return PACE_REFUSED;
    if (pace->events == 0 || pace->bytes < bytes) {
        enum pace_result result = wait_for(pace, bytes);

        if (result != PACE_GO)
            return result;
    }
    pace->events--;
    pace->bytes -= bytes;
    return PACE_GO;
}

enum pace_result pace_drain(struct pace *pace)
{
    return wait_for(pace, 0);
}
