#include "replay/output/output_csv.h"

#include "proto/text.h"

#include <inttypes.h>
#include <string.h>

enum { ARENA_KEPT_BYTES = 64 * 1024 };

static bool needs_quotes(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (strchr(",\"\r\n", text.data[i]) != NULL)
            return true;
    return text.size > 0 && (text.data[0] == ' ' || text.data[text.size - 1] == ' ');
}

static void write_field(struct output *output, struct slice text)
{
    FILE *stream = output->stream;

    if (output->is_terminal)
        text = text_escape(text, &output->arena);
    if (text.data == NULL) {
        output->failed = output->failed || text.size > 0;
        return;
    }

    bool quoted = needs_quotes(text);
    if (quoted)
        fputc('"', stream);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            fputc('"', stream);
        fputc(text.data[i], stream);
    }
    if (quoted)
        fputc('"', stream);
}

static void write_value(struct output *output, enum column_type type, const struct value *value)
{
    char text[ZONE_TEXT_BYTES];

    switch (type) {
    case COLUMN_TEXT:
    case COLUMN_JSON:
        write_field(output, value->text);
        break;
    case COLUMN_INTEGER:
    case COLUMN_DURATION:
        fprintf(output->stream, "%" PRId64, value->integer);
        break;
    case COLUMN_FRACTION:
        json_writer_reset(&output->json);
        json_writer_double(&output->json, value->real);
        write_field(output, json_writer_slice(&output->json));
        break;
    case COLUMN_BOOLEAN:
        fputs(value->integer ? "true" : "false", output->stream);
        break;
    case COLUMN_TIME:
        zone_format(&output->zone, value->integer, text);
        fputs(text, output->stream);
        break;
    }
}

static bool is_written(const struct output *output, size_t column)
{
    return output->section->columns[column].place != COLUMN_PEOPLE;
}

void output_csv_begin(struct output *output)
{
    const char *comma = "";

    if (!output->section->is_main)
        return;
    for (size_t i = 0; i < output->section->count; i++) {
        if (!is_written(output, i))
            continue;
        fprintf(output->stream, "%s%s", comma, output->section->columns[i].name);
        comma = ",";
    }
    fputs("\r\n", output->stream);
}

void output_csv_row(struct output *output, const struct value *values)
{
    const char *comma = "";

    if (!output->section->is_main)
        return;
    for (size_t i = 0; i < output->section->count; i++) {
        if (!is_written(output, i))
            continue;
        fputs(comma, output->stream);
        if (values[i].is_given)
            write_value(output, output->section->columns[i].type, &values[i]);
        comma = ",";
    }
    fputs("\r\n", output->stream);
    arena_reset(&output->arena, ARENA_KEPT_BYTES);
}
