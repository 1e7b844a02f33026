#include "producer/emit/bridge/legacy_time.h"

#include "proto/event.h"
#include "proto/rfc3339.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 64, DATE_BYTES = 10 };

/* Up to the first of these it is a number of seconds, up to the next one of milliseconds, and so on: each is more than
 * 3,000 years in its unit, and less than 1973 in the next one. */
static double unit_us(double number)
{
    if (number < 1e11)
        return 1e6;
    if (number < 1e14)
        return 1e3;
    return number < 1e17 ? 1.0 : 1e-3;
}

static bool parse_number(const char *text, int64_t *unix_us)
{
    char *end;
    double number = strtod(text, &end);

    /* The C library would also take leading space, hexadecimal and infinity. */
    if (text[0] == '\0' || strspn(text, "+-.0123456789eE") != strlen(text) || *end != '\0')
        return false;

    double us = number * unit_us(number);
    if (!(us >= 1.0 && us < (double)EVENT_TIME_MAX_US))
        return false;
    *unix_us = (int64_t)(us + 0.5);
    return true;
}

/* Behind date, time and fraction: "" is the zone that was given, +0100 and +01 lack something. */
static void write_zone(const char *found, const char *zone, char out[TEXT_BYTES_MAX])
{
    found += strspn(found, " ");

    size_t size = strlen(found);
    if (size == 0)
        snprintf(out, TEXT_BYTES_MAX, "%s", zone);
    else if (strcmp(found, "UTC") == 0)
        snprintf(out, TEXT_BYTES_MAX, "Z");
    else if (strchr("+-", found[0]) != NULL && size == 3)
        snprintf(out, TEXT_BYTES_MAX, "%s:00", found);
    else if (strchr("+-", found[0]) != NULL && size == 5)
        snprintf(out, TEXT_BYTES_MAX, "%.3s:%s", found, found + 3);
    else
        snprintf(out, TEXT_BYTES_MAX, "%s", found);
}

static bool parse_date(const char *text, const char *zone, int64_t *unix_us)
{
    char whole[2 * TEXT_BYTES_MAX];
    char behind[TEXT_BYTES_MAX];

    if (strlen(text) <= DATE_BYTES)
        return false;
    size_t time_bytes = strspn(text + DATE_BYTES + 1, "0123456789:.");
    const char *rest = text + DATE_BYTES + 1 + time_bytes;

    write_zone(rest, zone, behind);
    snprintf(whole, sizeof whole, "%.*s%s", (int)(rest - text), text, behind);
    if (whole[DATE_BYTES] == ' ')
        whole[DATE_BYTES] = 'T';

    int64_t parsed_us;
    if (!rfc3339_parse(slice_from_text(whole), &parsed_us) || parsed_us < 1)
        return false;
    *unix_us = parsed_us;
    return true;
}

bool legacy_time_parse(struct slice text, const char *zone, int64_t *unix_us)
{
    char copy[TEXT_BYTES_MAX];

    if (text.size >= sizeof copy)
        return false;
    snprintf(copy, sizeof copy, "%.*s", SLICE_PRINT(text));
    return parse_number(copy, unix_us) || parse_date(copy, zone, unix_us);
}

bool legacy_time_is_zone(const char *zone)
{
    char text[TEXT_BYTES_MAX];
    int64_t unused_us;

    int size = snprintf(text, sizeof text, "2000-01-01T00:00:00%s", zone);
    return size < (int)sizeof text && rfc3339_parse(slice_from_text(text), &unused_us);
}
