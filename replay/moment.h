/* moment: a point in time as a user types it.
 *
 *   2026-11-21T22:33:44Z     RFC 3339
 *   -90s  -5m  -2h  -7d      back from now
 *   now */
#ifndef TASKLEDGER_REPLAY_MOMENT_H
#define TASKLEDGER_REPLAY_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Unix microseconds; false (and *unix_us untouched) when the text is none of these. */
bool moment_parse(const char *text, int64_t now_us, int64_t *unix_us);

#endif
