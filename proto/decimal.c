#include "proto/decimal.h"

bool decimal_take(struct slice *text, uint64_t *number)
{
    uint64_t value = 0;
    size_t digits = 0;

    for (; digits < text->size && text->data[digits] >= '0' && text->data[digits] <= '9'; digits++) {
        unsigned digit = text->data[digits] - (unsigned)'0';

        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
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

size_t decimal_write(uint64_t number, char text[DECIMAL_BYTES_MAX])
{
    char digits[DECIMAL_BYTES_MAX];
    char *first = digits + sizeof digits;

    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);

    size_t size = (size_t)(digits + sizeof digits - first);
    memcpy(text, first, size);
    return size;
}
