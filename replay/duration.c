#include "replay/duration.h"

#include <inttypes.h>
#include <stdio.h>

enum { MILLISECOND = 1000, SECOND = 1000 * MILLISECOND, MINUTE_S = 60, HOUR_S = 60 * MINUTE_S, DAY_S = 24 * HOUR_S };

/* "12.5 ms": three digits of value / unit, cut. */
static void print_scaled(char *text, size_t size, uint64_t value, uint64_t unit, const char *name)
{
    uint64_t whole = value / unit;

    if (whole >= 100)
        snprintf(text, size, "%" PRIu64 " %s", whole, name);
    else if (whole >= 10)
        snprintf(text, size, "%" PRIu64 ".%" PRIu64 " %s", whole, value % unit * 10 / unit, name);
    else
        snprintf(text, size, "%" PRIu64 ".%02" PRIu64 " %s", whole, value % unit * 100 / unit, name);
}

void duration_format(int64_t microseconds, char text[DURATION_TEXT_BYTES])
{
    uint64_t us = microseconds < 0 ? -(uint64_t)microseconds : (uint64_t)microseconds;
    uint64_t s = us / SECOND;
    size_t size = DURATION_TEXT_BYTES;

    if (microseconds < 0) {
        *text++ = '-';
        size--;
    }
    if (us < MILLISECOND)
        snprintf(text, size, "%" PRIu64 " µs", us);
    else if (us < SECOND)
        print_scaled(text, size, us, MILLISECOND, "ms");
    else if (s < MINUTE_S)
        print_scaled(text, size, us, SECOND, "s");
    else if (s < HOUR_S)
        snprintf(text, size, "%" PRIu64 "m %02" PRIu64 "s", s / MINUTE_S, s % MINUTE_S);
    else if (s < DAY_S)
        snprintf(text, size, "%" PRIu64 "h %02" PRIu64 "m", s / HOUR_S, s % HOUR_S / MINUTE_S);
    else
        snprintf(text, size, "%" PRIu64 "d %02" PRIu64 "h", s / DAY_S, s % DAY_S / HOUR_S);
}
