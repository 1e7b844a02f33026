#include "tests/support/false_time.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum { START_S = 1000 };

static const int64_t ns_of_s = 1000000000;
static const int64_t ns_of_ms = 1000000;

static atomic_bool is_false;
static _Atomic(int64_t) now_ns;

void (*false_time_during_nap)(void);

int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);
int __real_nanosleep(const struct timespec *pause, struct timespec *left);
int __wrap_nanosleep(const struct timespec *pause, struct timespec *left);

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    int64_t ns = atomic_load(&now_ns);

    if (!atomic_load(&is_false))
        return __real_clock_gettime(id, now);
    *now = (struct timespec){.tv_sec = ns / ns_of_s, .tv_nsec = ns % ns_of_s};
    return 0;
}

int __wrap_nanosleep(const struct timespec *pause, struct timespec *left)
{
    if (!atomic_load(&is_false))
        return __real_nanosleep(pause, left);
    atomic_fetch_add(&now_ns, pause->tv_sec * ns_of_s + pause->tv_nsec);
    if (false_time_during_nap != NULL)
        false_time_during_nap();
    return sched_yield();
}

int false_time_begin(void **state)
{
    (void)state;
    atomic_store(&now_ns, START_S * ns_of_s);
    atomic_store(&is_false, true);
    return 0;
}

int false_time_end(void **state)
{
    (void)state;
    atomic_store(&is_false, false);
    return 0;
}

int64_t false_time_ms(void)
{
    return atomic_load(&now_ns) / ns_of_ms;
}

void false_time_pass_ms(int64_t ms)
{
    atomic_fetch_add(&now_ns, ms * ns_of_ms);
}
