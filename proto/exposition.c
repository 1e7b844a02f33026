#include "proto/exposition.h"

#include "proto/text.h"

#include <inttypes.h>
#include <stdbool.h>

void exposition_describe(const char *name, const char *type, const char *help, FILE *out)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A backslash in the label, which the format wants doubled, and the bytes in hexadecimal. */
static void print_hostile(const uint8_t *bytes, size_t size, FILE *out)
{
    for (size_t i = 0; i < size; i++)
        fprintf(out, "\\\\x%02x", bytes[i]);
}

/* It could be taken for what print_hostile made of another text. */
static bool looks_printed(struct slice text)
{
    return text.size > 1 && text.data[0] == '\\' && text.data[1] == 'x';
}

void exposition_label(struct slice value, FILE *out)
{
    for (size_t at = 0, size; at < value.size; at += size) {
        struct slice rest = slice_of(value.data + at, value.size - at);
        uint32_t code;

        size = text_next(rest, &code);
        if (text_is_hostile(code) || looks_printed(rest)) {
            print_hostile(rest.data, size, out);
            continue;
        }
        if (code == '\\' || code == '"')
            fputc('\\', out);
        fwrite(rest.data, 1, size, out);
    }
}

void exposition_time(int64_t unix_us, FILE *out)
{
    fprintf(out, "%" PRId64 ".%06" PRId64 "\n", unix_us / 1000000, unix_us % 1000000);
}
