#include "replay/output/output_json.h"

#include "proto/text.h"

#include <stdint.h>

/* The writer escapes what JSON must escape; the other hostile characters can only stand within its strings, and control
 * characters only between values of JSON that somebody else wrote, where a blank is as good and keeps the line
 * whole. */
static void write_harmless(FILE *stream, struct slice json)
{
    size_t written = 0, size = 0;

    for (size_t i = 0; i < json.size; i += size) {
        uint32_t code = 0;

        size = 1;
        if (json.data[i] >= 0x20 && json.data[i] < 0x7f)
            continue;
        size = text_next(slice_of(json.data + i, json.size - i), &code);
        if (!text_is_hostile(code))
            continue;
        fwrite(json.data + written, 1, i - written, stream);
        if (code < 0x20)
            fputc(' ', stream);
        else
            fprintf(stream, "\\u%04x", code & 0xffff);
        written = i + size;
    }
    fwrite(json.data + written, 1, json.size - written, stream);
}

static void write_value(struct output *output, enum column_type type, const struct value *value)
{
    struct json_writer *json = &output->json;
    char text[ZONE_TEXT_BYTES];

    if (!value->is_given) {
        json_writer_null(json);
        return;
    }
    switch (type) {
    case COLUMN_TEXT:
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
        zone_format(&output->zone, value->integer, text);
        json_writer_text(json, text);
        break;
    }
}

void output_json_begin(struct output *output)
{
    const struct section *section = output->section;

    if (output->format == OUTPUT_JSONL)
        return;
    fprintf(output->stream, "%s\n\"%s\": %s", output->began ? "," : "{", section->name, section->is_list ? "[" : "");
}

void output_json_row(struct output *output, const struct value *values)
{
    const struct section *section = output->section;
    bool is_line = output->format == OUTPUT_JSONL;

    json_writer_object_begin(&output->json);
    if (is_line) {
        json_writer_key(&output->json, "type");
        json_writer_text(&output->json, section->item);
    }
    for (size_t i = 0; i < section->count; i++) {
        if (section->columns[i].place == COLUMN_PEOPLE)
            continue;
        json_writer_key(&output->json, section->columns[i].name);
        write_value(output, section->columns[i].type, &values[i]);
    }
    json_writer_object_end(&output->json);

    if (!is_line && section->is_list)
        fputs(output->began_rows ? ",\n" : "\n", output->stream);
    write_harmless(output->stream, json_writer_slice(&output->json));
    if (is_line)
        fputc('\n', output->stream);

    output->failed = output->failed || output->json.failed;
    json_writer_reset(&output->json);
}

void output_json_end(struct output *output)
{
    if (output->format == OUTPUT_JSON && output->section->is_list)
        fputs(output->began_rows ? "\n]" : "]", output->stream);
    if (output->format == OUTPUT_JSON && !output->section->is_list && !output->began_rows)
        fputs("null", output->stream);
}

void output_json_close(struct output *output)
{
    if (output->format == OUTPUT_JSON && output->began)
        fputs("\n}\n", output->stream);
}
