/* false_time: a monotonic clock that stands still, but for those who sleep: a sleep is over at once, and was as long as
 * it should be. For a test that wraps clock_gettime and nanosleep; until it begins, and when it has ended, time is
 * real. */
#ifndef TASKLEDGER_TESTS_SUPPORT_FALSE_TIME_H
#define TASKLEDGER_TESTS_SUPPORT_FALSE_TIME_H

#include <stdint.h>

/* For cmocka's setup and teardown. */
int false_time_begin(void **state);
int false_time_end(void **state);

int64_t false_time_ms(void);
void false_time_pass_ms(int64_t ms);

/* Called in the middle of each sleep, in the thread that sleeps, or NULL. */
extern void (*false_time_during_nap)(void);

#endif
