#include "proto/text.h"

#include "proto/utf8.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>

enum { ESCAPED_BYTES_MAX = 6 }; /* \u202e */

size_t text_next(struct slice text, uint32_t *code)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint8_t lead = text.data[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    *code = UINT32_MAX;
    if (lead == 0) {
        *code = 0;
        return 1;
    }
    if (size > text.size || utf8_check(slice_of(text.data, size)) != size)
        return 1;

    uint32_t value = lead & masks[size];
    for (size_t i = 1; i < size; i++)
        value = value << 6 | (text.data[i] & 0x3f);
    *code = value;
    return size;
}

bool text_is_hostile(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || /* control characters, both sets */
           (code >= 0x200b && code <= 0x200f) ||            /* zero width, and marks of direction */
           (code >= 0x2028 && code <= 0x202e) ||            /* line and paragraph ends, embeddings and overrides */
           (code >= 0x2060 && code <= 0x206f) ||            /* isolates and other invisible ones */
           code == 0x061c || code == 0xfeff || code > 0x10ffff;
}

static size_t write_escape(uint8_t first_byte, uint32_t code, char text[ESCAPED_BYTES_MAX + 1])
{
    static const char named[] = {['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

    if (code < sizeof named && named[code] != 0)
        return (size_t)snprintf(text, ESCAPED_BYTES_MAX + 1, "\\%c", named[code]);
    if (code < 0x80 || code == UINT32_MAX)
        return (size_t)snprintf(text, ESCAPED_BYTES_MAX + 1, "\\x%02x", first_byte);
    return (size_t)snprintf(text, ESCAPED_BYTES_MAX + 1, "\\u%04x", code & 0xffff);
}

/* Into `out` unless that is NULL. Returns the size of the escaped text. */
static size_t escape(struct slice text, uint8_t *out)
{
    size_t length = 0, size = 0;

    for (size_t i = 0; i < text.size; i += size) {
        char escaped[ESCAPED_BYTES_MAX + 1];
        const void *bytes = text.data + i;
        uint32_t code = 0;

        size = text_next(slice_of(text.data + i, text.size - i), &code);
        size_t wanted = size;
        if (text_is_hostile(code)) {
            wanted = write_escape(text.data[i], code, escaped);
            bytes = escaped;
        }
        if (out != NULL)
            memcpy(out + length, bytes, wanted);
        length += wanted;
    }
    return length;
}

struct slice text_escape(struct slice text, struct arena *arena)
{
    size_t size = escape(text, NULL);

    if (size == text.size)
        return text;
    uint8_t *copy = arena_take(arena, size);
    if (copy == NULL)
        return (struct slice){.data = NULL, .size = size};
    escape(text, copy);
    return slice_of(copy, size);
}

size_t text_width(struct slice text)
{
    size_t width = 0, size = 0;

    for (size_t i = 0; i < text.size; i += size) {
        uint32_t code = 0;

        size = text_next(slice_of(text.data + i, text.size - i), &code);
        int columns = wcwidth((wchar_t)code);
        width += columns < 0 ? 1 : (size_t)columns;
    }
    return width;
}
