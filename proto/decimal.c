#include "proto/decimal.h"

bool decimal_take(struct slice *text, uint64_t *number)
{
    uint64_t value = 0;
    size_t digits = 0;

    for (; digits < text->size && text->data[digits] >= '0' && text->data[digits] <= '9'; digits++) {
        unsigned digit = text->data[digits] - (unsigned)'0';

        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (digits == 0)
        return false;

    *text = slice_of(text->data + digits, text->size - digits);
    *number = value;
    return true;
}

bool decimal_read(struct slice text, uint64_t maximum, uint64_t *number)
{
    uint64_t value;

    if (!decimal_take(&text, &value) || text.size > 0 || value > maximum)
        return false;
    *number = value;
    return true;
}
