#include "proto/url.h"

#include <stdint.h>
#include <string.h>

size_t url_find(struct slice text, char wanted)
{
    const uint8_t *found = text.size == 0 ? NULL : memchr(text.data, wanted, text.size);

    return found == NULL ? text.size : (size_t)(found - text.data);
}

struct slice url_front(struct slice text, size_t size)
{
    return slice_of(text.data, size);
}

struct slice url_behind(struct slice text, size_t size)
{
    return size >= text.size ? (struct slice){0} : slice_of(text.data + size, text.size - size);
}

struct slice url_take(struct slice *text, char separator)
{
    size_t end = url_find(*text, separator);
    struct slice taken = url_front(*text, end);

    *text = url_behind(*text, end + 1);
    return taken;
}

bool url_take_start(struct slice *text, const char *start)
{
    size_t size = strlen(start);

    if (text->size < size || memcmp(text->data, start, size) != 0)
        return false;
    *text = url_behind(*text, size);
    return true;
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

const char *url_decode(struct slice text, char *decoded, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];

        if (byte == '%') {
            int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return "two hexadecimal digits must follow a percent sign";
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (byte == '\0')
            return "a percent-encoded NUL cannot be part of it";
        if (used + 1 == size)
            return "a part of it is too long";
        decoded[used++] = (char)byte;
    }
    decoded[used] = '\0';
    return NULL;
}
