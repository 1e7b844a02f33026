/* moment: the clock of the bench's programs. Nanoseconds, of CLOCK_MONOTONIC. */
#ifndef TASKLEDGER_TESTS_BENCH_PROGRAMS_MOMENT_H
#define TASKLEDGER_TESTS_BENCH_PROGRAMS_MOMENT_H

#include <stdint.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)

static inline int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static inline double seconds_since(int64_t at_ns)
{
    return (double)(now_ns() - at_ns) / (double)SECOND_NS;
}

static inline void sleep_until(int64_t at_ns)
{
    struct timespec at = {.tv_sec = at_ns / SECOND_NS, .tv_nsec = at_ns % SECOND_NS};

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

#endif
