#include "proto/json_writer.h"

#include "proto/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 256, NUMBER_BYTES_MAX = 64 };

/* Room for `bytes` more and the NUL. */
static bool reserve(struct json_writer *json, size_t bytes)
{
    if (json->failed || bytes >= JSON_WRITER_BYTES_MAX - json->length) {
        json->failed = true;
        return false;
    }

    size_t needed = json->length + bytes + 1;
    size_t capacity = json->capacity == 0 ? FIRST_CAPACITY : json->capacity;

    if (needed <= json->capacity)
        return true;
    while (capacity < needed)
        capacity *= 2;

    char *text = realloc(json->text, capacity);
    if (text == NULL) {
        json->failed = true;
        return false;
    }
    json->text = text;
    json->capacity = capacity;
    return true;
}

static void append(struct json_writer *json, const void *data, size_t size)
{
    if (size == 0 || !reserve(json, size))
        return;
    memcpy(json->text + json->length, data, size);
    json->length += size;
    json->text[json->length] = '\0';
}

static void append_text(struct json_writer *json, const char *text)
{
    append(json, text, strlen(text));
}

static void separate(struct json_writer *json)
{
    if (json->comma)
        append(json, ",", 1);
    json->comma = true;
}

static void begin(struct json_writer *json, const char *bracket)
{
    separate(json);
    append(json, bracket, 1);
    json->comma = false;
}

static void end(struct json_writer *json, const char *bracket)
{
    append(json, bracket, 1);
    json->comma = true;
}

void json_writer_object_begin(struct json_writer *json)
{
    begin(json, "{");
}

void json_writer_object_end(struct json_writer *json)
{
    end(json, "}");
}

void json_writer_array_begin(struct json_writer *json)
{
    begin(json, "[");
}

void json_writer_array_end(struct json_writer *json)
{
    end(json, "]");
}

/* The letter behind the backslash, or 0 when the byte has no short escape. */
static char short_escape(uint8_t byte)
{
    switch (byte) {
    case '"':
        return '"';
    case '\\':
        return '\\';
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static bool needs_escape(uint8_t byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

static void append_escape(struct json_writer *json, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    char letter = short_escape(byte);
    char pair[] = {'\\', letter};
    char unit[] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 0x0f]};

    if (letter != 0)
        append(json, pair, sizeof pair);
    else
        append(json, unit, sizeof unit);
}

/* Text that is UTF-8: long runs are copied, what must be escaped is. */
static void append_escaped(struct json_writer *json, struct slice text)
{
    size_t done = 0;

    for (size_t at = 0; at < text.size; at++) {
        if (!needs_escape(text.data[at]))
            continue;
        append(json, text.data + done, at - done);
        append_escape(json, text.data[at]);
        done = at + 1;
    }
    append(json, text.data + done, text.size - done);
}

static void append_quoted(struct json_writer *json, struct slice text)
{
    append(json, "\"", 1);
    while (text.size > 0) {
        size_t sound = utf8_check(text);

        append_escaped(json, slice_of(text.data, sound));
        if (sound == text.size)
            break;
        append_text(json, "\xef\xbf\xbd");
        text = slice_of(text.data + sound + 1, text.size - sound - 1);
    }
    append(json, "\"", 1);
}

void json_writer_key(struct json_writer *json, const char *key)
{
    separate(json);
    append_quoted(json, slice_from_text(key));
    append(json, ":", 1);
    json->comma = false;
}

void json_writer_string(struct json_writer *json, struct slice text)
{
    separate(json);
    append_quoted(json, text);
}

void json_writer_text(struct json_writer *json, const char *text)
{
    if (text == NULL)
        json_writer_null(json);
    else
        json_writer_string(json, slice_from_text(text));
}

static void value_text(struct json_writer *json, const char *text)
{
    separate(json);
    append_text(json, text);
}

void json_writer_integer(struct json_writer *json, int64_t value)
{
    char text[NUMBER_BYTES_MAX];

    snprintf(text, sizeof text, "%" PRId64, value);
    value_text(json, text);
}

void json_writer_unsigned(struct json_writer *json, uint64_t value)
{
    char text[NUMBER_BYTES_MAX];

    snprintf(text, sizeof text, "%" PRIu64, value);
    value_text(json, text);
}

static bool is_of_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == 'e';
}

/* printf writes the decimal separator of the host's locale, which need not be one byte. */
static void restore_point(char *text)
{
    char *out = text;
    bool pointed = false;

    for (const char *in = text; *in != '\0'; in++) {
        if (is_of_number(*in)) {
            *out++ = *in;
        } else if (!pointed) {
            *out++ = '.';
            pointed = true;
        }
    }
    *out = '\0';
}

void json_writer_double(struct json_writer *json, double value)
{
    char text[NUMBER_BYTES_MAX];

    if (!isfinite(value)) {
        json_writer_null(json);
        return;
    }

    /* Every double of at most 15 digits survives the way there and back; 17 are always enough. */
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (!islessgreater(strtod(text, NULL), value))
            break;
    }
    restore_point(text);
    value_text(json, text);
}

void json_writer_boolean(struct json_writer *json, bool value)
{
    value_text(json, value ? "true" : "false");
}

void json_writer_null(struct json_writer *json)
{
    value_text(json, "null");
}

void json_writer_raw(struct json_writer *json, struct slice text)
{
    separate(json);
    append(json, text.data, text.size);
}

void json_writer_newline(struct json_writer *json)
{
    append(json, "\n", 1);
    json->comma = false;
}

struct slice json_writer_slice(const struct json_writer *json)
{
    return slice_of(json->text, json->length);
}

void json_writer_reset(struct json_writer *json)
{
    json->length = 0;
    json->comma = false;
    json->failed = false;
    if (json->text != NULL)
        json->text[0] = '\0';
}

void json_writer_close(struct json_writer *json)
{
    free(json->text);
    *json = (struct json_writer){0};
}
