#include "producer/emit/pace.h"

#include "producer/emit/delivery.h"
#include "proto/clock.h"
#include "proto/event.h"

#include <poll.h>
#include <stdbool.h>

enum {
    STEP_MS = 20,        /* how soon new room, or the wish to stop, is seen */
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

static void look(struct pace *pace, struct taskledger_counters *counters)
{
    taskledger_counters(pace->producer, counters);
    pace->events = above(DELIVERY_QUEUE_EVENTS - RESERVED_EVENTS, counters->queued);
    pace->bytes = above(DELIVERY_QUEUE_BYTES - RESERVED_BYTES, counters->queued_bytes);
}

static bool is_stopped(const struct pace *pace)
{
    struct pollfd polled = {.fd = pace->stop_fd, .events = POLLIN};

    return poll(&polled, 1, 0) > 0;
}

/* Until there is room for `bytes`, or, when that is 0, until nothing is queued. */
static enum pace_result wait_for(struct pace *pace, uint64_t bytes)
{
    const struct clock *clock = clock_system();
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;
    int64_t deadline_us = clock_deadline_us(clock, pace->timeout_ms);
    uint64_t sent;

    look(pace, &counters);
    for (;;) {
        sent = counters.sent;
        if (bytes > 0 ? pace->events > 0 && pace->bytes >= bytes : counters.queued == 0)
            return PACE_GO;
        if (is_stopped(pace))
            return PACE_STOPPED;
        if (clock_left_ms(clock, deadline_us) == 0)
            return PACE_STALLED;

        taskledger_flush(pace->producer, STEP_MS);
        look(pace, &counters);
        if (counters.sent != sent)
            deadline_us = clock_deadline_us(clock, pace->timeout_ms);
    }
}

enum pace_result pace_wait(struct pace *pace, size_t text_bytes)
{
    uint64_t bytes = cost(text_bytes);

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
