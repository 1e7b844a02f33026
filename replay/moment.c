#include "replay/moment.h"

#include "proto/rfc3339.h"

#include <string.h>

enum { SECOND_US = 1000000, DIGITS_MAX = 9 };

static int64_t unit_seconds(const char *unit)
{
    static const struct {
        const char *unit;
        int64_t seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};

    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(unit, units[i].unit) == 0)
            return units[i].seconds;
    return 0;
}

static bool parse_back(const char *text, int64_t now_us, int64_t *unix_us)
{
    size_t digits = strspn(text, "0123456789");
    int64_t number = 0, seconds = unit_seconds(text + digits);

    if (digits == 0 || digits > DIGITS_MAX || seconds == 0)
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (text[i] - '0');
    *unix_us = now_us - number * seconds * SECOND_US;
    return true;
}

bool moment_parse(const char *text, int64_t now_us, int64_t *unix_us)
{
    if (strcmp(text, "now") == 0) {
        *unix_us = now_us;
        return true;
    }
    if (text[0] == '-')
        return parse_back(text + 1, now_us, unix_us);
    return rfc3339_parse(slice_from_text(text), unix_us);
}
