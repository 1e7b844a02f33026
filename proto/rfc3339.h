/* rfc3339: a moment as people and JSON write it, and as an event keeps it.
 *
 * Read: the date-time of RFC 3339, nothing looser. Date and time are divided by T, the offset from UTC is given (Z,
 * +hh:mm, -hh:mm; -00:00 is UTC), T and Z may be lower case. A fraction may have any number of digits; those behind the
 * microsecond are cut off. 23:59:60 is taken where a leap second can be, at the end of a month in UTC, and counts as
 * Unix time does: like the second behind it.
 *
 * Written: always UTC, always six digits: 2026-11-21T22:33:44.123456Z. The order of such texts is the order of time. */
#ifndef TASKLEDGER_PROTO_RFC3339_H
#define TASKLEDGER_PROTO_RFC3339_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { RFC3339_TEXT_BYTES = 28 }; /* with the NUL */

/* What four digits of a year can say: from 0000-01-01T00:00:00.000000Z to 9999-12-31T23:59:59.999999Z. */
#define RFC3339_MIN_US (-INT64_C(62167219200000000))
#define RFC3339_MAX_US INT64_C(253402300799999999)

/* Unix time in microseconds; false (and *unix_us untouched) when it is no such text, no such date, or outside of the
 * years above in UTC. */
bool rfc3339_parse(struct slice text, int64_t *unix_us);

/* A time outside of the years above is written as the nearest one inside. */
void rfc3339_format(int64_t unix_us, char text[RFC3339_TEXT_BYTES]);

#endif
