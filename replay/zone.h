/* zone: the time zone in which times are shown.
 *
 * UTC, or one of the machine's zones by its IANA name. A zone other than UTC is the whole process's (TZ), since that is
 * what the C library can do; a program chooses one, once. */
#ifndef TASKLEDGER_REPLAY_ZONE_H
#define TASKLEDGER_REPLAY_ZONE_H

#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { ZONE_TEXT_BYTES = 64 };

struct zone {
    bool is_local; /* as TZ says; zeroed is UTC */
};

/* "UTC", or a name like "Europe/Berlin" that the machine's database of zones has. Sets TZ. FATAL, "usage". */
bool zone_use(struct zone *zone, const char *name, struct error *error);

/* RFC 3339 with its offset: "2026-11-21T22:33:44.123456Z", to the microsecond. */
void zone_format(const struct zone *zone, int64_t unix_us, char text[ZONE_TEXT_BYTES]);

/* The same for eyes: a blank for the T, to the millisecond. */
void zone_format_short(const struct zone *zone, int64_t unix_us, char text[ZONE_TEXT_BYTES]);

#endif
