#include "replay/web/row_json.h"

#include "proto/rfc3339.h"
#include "proto/utf8.h"

#include <string.h>

void row_json_time(struct json_writer *json, int64_t unix_us)
{
    char text[RFC3339_TEXT_BYTES];

    rfc3339_format(unix_us, text);
    json_writer_text(json, text);
}

/* At most ROW_JSON_TEXT_BYTES, with the ellipsis, never half a character. */
static void write_cut(struct json_writer *json, struct slice text)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    char cut[ROW_JSON_TEXT_BYTES];

    if (text.size > ROW_JSON_TEXT_BYTES) {
        struct slice kept = utf8_cut(text, ROW_JSON_TEXT_BYTES - (sizeof ellipsis - 1));
        memcpy(cut, kept.data, kept.size);
        memcpy(cut + kept.size, ellipsis, sizeof ellipsis - 1);
        text = slice_of(cut, kept.size + sizeof ellipsis - 1);
    }
    json_writer_string(json, text);
}

static void write_value(struct json_writer *json, const struct column *column, const struct value *value, bool is_cut)
{
    if (!value->is_given) {
        json_writer_null(json);
        return;
    }
    switch (column->type) {
    case COLUMN_TEXT:
        if (is_cut)
            write_cut(json, value->text);
        else
            json_writer_string(json, value->text);
        break;
    case COLUMN_JSON:
        json_writer_raw(json, value->text);
        break;
    case COLUMN_INTEGER:
    case COLUMN_DURATION:
        json_writer_integer(json, value->integer);
        break;
    case COLUMN_FRACTION:
        json_writer_double(json, value->real);
        break;
    case COLUMN_BOOLEAN:
        json_writer_boolean(json, value->integer != 0);
        break;
    case COLUMN_TIME:
        row_json_time(json, value->integer);
        break;
    }
}

void row_json_members(struct json_writer *json, const struct column *columns, size_t count, const struct value *values,
                      bool is_listed)
{
    for (size_t i = 0; i < count; i++) {
        const struct column *column = &columns[i];
        bool is_long = strcmp(column->name, "message") == 0 || strcmp(column->name, "error_message") == 0;

        if (column->place == COLUMN_PEOPLE || (is_listed && column->type == COLUMN_JSON))
            continue;
        json_writer_key(json, column->name);
        write_value(json, column, &values[i], is_listed && is_long);
    }
}
