#include "proto/bytes.h"

#include "proto/decimal.h"

#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <strings.h>

static const char letters[] = "KMGT";

enum { LETTERS = sizeof letters - 1, SHIFT = 10 };

/* By how many bits the number is to be shifted; -1: there is no such unit. */
static int shift_of(const char *unit)
{
    static const char *const endings[] = {"", "B", "iB"};

    if (*unit == '\0' || strcasecmp(unit, "B") == 0)
        return 0;
    for (int letter = 0; letter < LETTERS; letter++)
        if (strncasecmp(unit, &letters[letter], 1) == 0)
            for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
                if (strcasecmp(unit + 1, endings[i]) == 0)
                    return SHIFT * (letter + 1);
    return -1;
}

bool bytes_read(const char *text, int64_t *bytes)
{
    struct slice rest = slice_from_text(text);
    uint64_t number;

    if (!decimal_take(&rest, &number))
        return false;
    int shift = shift_of((const char *)rest.data);
    if (shift < 0 || number > (uint64_t)INT64_MAX >> shift)
        return false;
    *bytes = (int64_t)(number << shift);
    return true;
}

void bytes_format(int64_t bytes, char text[BYTES_TEXT_MAX])
{
    int units = 0;

    assert(bytes >= 0);
    while (units < LETTERS && bytes != 0 && bytes % (1 << SHIFT) == 0) {
        bytes >>= SHIFT;
        units++;
    }
    if (units == 0)
        snprintf(text, BYTES_TEXT_MAX, "%" PRId64, bytes);
    else
        snprintf(text, BYTES_TEXT_MAX, "%" PRId64 "%ciB", bytes, letters[units - 1]);
}
