#include "producer/emit/json_cursor.h"

#include <stdint.h>
#include <string.h>

static char *skip_space(char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* ---- strings ----------------------------------------------------------------------------------------------------- */

static unsigned hex_digit(char digit)
{
    if (digit <= '9')
        return (unsigned)(digit - '0');
    return (unsigned)((digit | 0x20) - 'a') + 10;
}

/* The unit behind \u. */
static unsigned take_unit(char **in)
{
    unsigned unit = 0;

    for (int i = 0; i < 4; i++)
        unit = unit << 4 | hex_digit(*(*in)++);
    return unit;
}

static char *put_character(char *out, unsigned character)
{
    static const struct {
        unsigned below;
        unsigned lead;
        int behind;
    } forms[] = {{0x80, 0x00, 0}, {0x800, 0xc0, 1}, {0x10000, 0xe0, 2}, {0x110000, 0xf0, 3}};
    int form = 0;

    while (character >= forms[form].below)
        form++;
    for (int shift = 6 * forms[form].behind; shift >= 0; shift -= 6) {
        unsigned lead = shift == 6 * forms[form].behind ? forms[form].lead : 0x80;
        unsigned mask = lead == 0x80 ? 0x3f : 0x7f;

        *out++ = (char)(uint8_t)(lead | (character >> shift & mask));
    }
    return out;
}

/* Behind \u; six or twelve characters become at most four bytes. */
static char *put_unicode_escape(char *out, char **in)
{
    unsigned character = take_unit(in);

    if (character >= 0xd800 && character < 0xdc00) {
        *in += 2;
        character = 0x10000 + ((character - 0xd800) << 10) + (take_unit(in) - 0xdc00);
    }
    return put_character(out, character);
}

/* Behind a backslash. */
static char *put_escape(char *out, char **in)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    char letter = *(*in)++;

    if (letter == 'u')
        return put_unicode_escape(out, in);

    const char *found = strchr(letters, letter);
    *out = found == NULL ? letter : meanings[found - letters];
    return out + 1;
}

/* `*at` is at the opening quote, and then behind the closing one. */
static char *take_string(char **at)
{
    char *text = *at + 1;
    char *in = text;
    char *out = text;

    while (*in != '"') {
        if (*in != '\\') {
            *out++ = *in++;
            continue;
        }
        in++;
        out = put_escape(out, &in);
    }
    *at = in + 1;
    *out = '\0';
    return text;
}

/* ---- other values ------------------------------------------------------------------------------------------------ */

static char *skip_string(char *at)
{
    for (at++; *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at + 1;
}

/* Over an object or array and all in it. */
static char *skip_nested(char *at)
{
    unsigned depth = 0;

    do {
        switch (*at) {
        case '{':
        case '[':
            depth++;
            at++;
            break;
        case '}':
        case ']':
            depth--;
            at++;
            break;
        case '"':
            at = skip_string(at);
            break;
        default:
            at++;
        }
    } while (depth > 0);
    return at;
}

static char *skip_word(char *at)
{
    return at + strcspn(at, ",]} \t\r\n");
}

static enum json_type type_at(const char *at)
{
    switch (*at) {
    case 'n':
        return JSON_NULL;
    case 't':
    case 'f':
        return JSON_BOOLEAN;
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    default:
        return JSON_NUMBER;
    }
}

static void take_value(char **at, struct json_member *member)
{
    member->type = type_at(*at);
    member->value = *at;
    if (member->type == JSON_STRING)
        member->value = take_string(at);
    else if (member->type == JSON_OBJECT || member->type == JSON_ARRAY)
        *at = skip_nested(*at);
    else
        *at = skip_word(*at);
    member->end = *at;
}

struct json_cursor json_cursor_open(char *object)
{
    return (struct json_cursor){.at = skip_space(skip_space(object) + 1)};
}

bool json_cursor_next(struct json_cursor *cursor, struct json_member *member)
{
    char *at = cursor->at;

    if (*at == '}')
        return false;

    member->key = take_string(&at);
    at = skip_space(at) + 1; /* the colon */
    at = skip_space(at);
    take_value(&at, member);

    at = skip_space(at);
    if (*at == ',')
        at = skip_space(at + 1);
    cursor->at = at;
    return true;
}
