/* legacy_time: a moment as programs write it that follow no standard.
 *
 *   1795296824, 1795296824.123456                seconds since 1970 began
 *   1795296824123, ...123456, ...123456789       milliseconds, microseconds, nanoseconds, told apart by their size
 *   2026-11-21T22:33:44.123456                   in the zone that was given
 *   2026-11-21 22:33:44+01:00, ...+0100, ...+01  as it says
 *
 * Between date and time there may be a T or a space, before the zone too; it may be a number in a string. */
#ifndef TASKLEDGER_PRODUCER_EMIT_BRIDGE_LEGACY_TIME_H
#define TASKLEDGER_PRODUCER_EMIT_BRIDGE_LEGACY_TIME_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Unix time in microseconds, from 1 to the end of the year 9999. False: it is no such text. */
bool legacy_time_parse(struct slice text, const char *zone, int64_t *unix_us);

/* "Z", "+01:00", "-05:30". */
bool legacy_time_is_zone(const char *zone);

#endif
