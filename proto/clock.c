#include "proto/clock.h"

#include <stddef.h>
#include <time.h>

enum { MICROSECONDS = 1000000 };

static int64_t read_clock(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * MICROSECONDS + now.tv_nsec / 1000;
}

static int64_t system_monotonic_us(void *self)
{
    (void)self;
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t system_unix_us(void *self)
{
    (void)self;
    return read_clock(CLOCK_REALTIME);
}

static void system_sleep_us(void *self, int64_t microseconds)
{
    (void)self;
    if (microseconds <= 0)
        return;

    struct timespec pause = {
        .tv_sec = microseconds / MICROSECONDS,
        .tv_nsec = (microseconds % MICROSECONDS) * 1000,
    };
    nanosleep(&pause, NULL);
}

const struct clock *clock_system(void)
{
    static const struct clock system = {
        .monotonic_us = system_monotonic_us,
        .unix_us = system_unix_us,
        .sleep_us = system_sleep_us,
    };

    return &system;
}

int64_t clock_boot_us(void)
{
    return read_clock(CLOCK_BOOTTIME);
}

int64_t clock_deadline_us(const struct clock *clock, int64_t timeout_ms)
{
    return clock->monotonic_us(clock->self) + timeout_ms * 1000;
}

int clock_left_ms(const struct clock *clock, int64_t deadline_us)
{
    int64_t left_us = deadline_us - clock->monotonic_us(clock->self);

    if (left_us <= 0)
        return 0;
    if (left_us / 1000 >= INT32_MAX)
        return INT32_MAX;
    return (int)((left_us + 999) / 1000);
}
