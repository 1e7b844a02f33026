#include "replay/shell.h"

#include "proto/text.h"

#include <stdio.h>
#include <string.h>

enum { PART_BYTES_MAX = 4 }; /* '\'' and \377 */

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+,-";

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (memchr(plain, text.data[i], sizeof plain - 1) == NULL)
            return false;
    return text.size > 0;
}

static bool is_hostile(struct slice text)
{
    uint32_t code = 0;
    size_t size = 0;

    for (size_t i = 0; i < text.size; i += size) {
        size = text_next(slice_of(text.data + i, text.size - i), &code);
        if (text_is_hostile(code))
            return true;
    }
    return false;
}

/* Within '...' nothing has a meaning but the quote, which has to be put outside. */
static size_t quote_byte(uint8_t byte, char part[PART_BYTES_MAX + 1])
{
    return (size_t)snprintf(part, PART_BYTES_MAX + 1, byte == '\'' ? "'\\''" : "%c", byte);
}

/* Within $'...' three octal digits are a byte, whatever follows. */
static size_t escape_byte(uint8_t byte, char part[PART_BYTES_MAX + 1])
{
    bool is_itself = memchr(plain, byte, sizeof plain - 1) != NULL || byte == ' ';

    return (size_t)snprintf(part, PART_BYTES_MAX + 1, is_itself ? "%c" : "\\%03o", byte);
}

struct slice shell_quote(struct slice text, struct arena *arena)
{
    bool escapes = is_hostile(text);
    char part[PART_BYTES_MAX + 1];
    size_t size = 0;

    if (is_plain(text))
        return arena_copy(arena, text);
    char *word = arena_take(arena, text.size * PART_BYTES_MAX + sizeof "$''");
    if (word == NULL)
        return (struct slice){.data = NULL};

    if (escapes)
        word[size++] = '$';
    word[size++] = '\'';
    for (size_t i = 0; i < text.size; i++) {
        size_t length = escapes ? escape_byte(text.data[i], part) : quote_byte(text.data[i], part);
        memcpy(word + size, part, length);
        size += length;
    }
    word[size++] = '\'';
    return slice_of(word, size);
}
