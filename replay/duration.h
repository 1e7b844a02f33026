/* duration: a span of time as people say it.
 *
 *   850 µs   12.5 ms   3.20 s   4m 05s   3h 07m   12d 04h
 *
 * Three digits are enough to compare two of them; machines get microseconds. */
#ifndef TASKLEDGER_REPLAY_DURATION_H
#define TASKLEDGER_REPLAY_DURATION_H

#include <stdint.h>

enum { DURATION_TEXT_BYTES = 32 };

/* Cut, never rounded up: "59.9 s" is less than a minute. A negative one gets a minus sign. */
void duration_format(int64_t microseconds, char text[DURATION_TEXT_BYTES]);

#endif
