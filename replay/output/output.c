#include "replay/output/output.h"

#include "replay/output/output_csv.h"
#include "replay/output/output_json.h"
#include "replay/output/output_table.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void end_nothing(struct output *output)
{
    (void)output;
}

/* What a format makes of each step. */
static const struct output_writer {
    const char *word;
    void (*begin)(struct output *output);
    void (*row)(struct output *output, const struct value *values);
    void (*end)(struct output *output);
    void (*close)(struct output *output);
} writers[] = {
    [OUTPUT_TABLE] = {"table", output_table_begin, output_table_row, output_table_end, end_nothing},
    [OUTPUT_JSON] = {"json", output_json_begin, output_json_row, output_json_end, output_json_close},
    [OUTPUT_JSONL] = {"jsonl", output_json_begin, output_json_row, output_json_end, output_json_close},
    [OUTPUT_CSV] = {"csv", output_csv_begin, output_csv_row, end_nothing, end_nothing},
};

enum output_format output_format_parse(const char *word)
{
    size_t format = 0;

    while (strcmp(writers[format].word, word) != 0)
        format++;
    return (enum output_format)format;
}

/* Once. */
static void start(struct output *output)
{
    void (*starts)(void) = output->starts;

    output->starts = NULL;
    if (starts != NULL)
        starts();
}

void output_begin(struct output *output, const struct section *section)
{
    assert(output->section == NULL && section->count <= OUTPUT_COLUMNS_MAX);
    start(output);
    output->section = section;
    output->began_rows = false;
    writers[output->format].begin(output);
}

void output_row(struct output *output, const struct value *values)
{
    writers[output->format].row(output, values);
    output->began_rows = true;
}

void output_flush(struct output *output)
{
    if (output->format == OUTPUT_TABLE && output->section != NULL)
        output_table_flush(output);
    fflush(output->stream); /* a failure is remembered by the stream */
}

void output_end(struct output *output)
{
    writers[output->format].end(output);
    output->section = NULL;
    output->began =
        output->began || output->began_rows || output->format != OUTPUT_TABLE; /* an empty table is nothing */
}

void output_heading(struct output *output, const char *words)
{
    if (output->format == OUTPUT_TABLE)
        output_table_heading(output, words);
}

void output_say(struct output *output, enum tone tone, const char *format, ...)
{
    va_list arguments;

    if (output->format != OUTPUT_TABLE)
        return;
    start(output);
    va_start(arguments, format);
    output_table_say(output, tone, format, arguments);
    va_end(arguments);
}

void output_abandon(struct output *output)
{
    json_writer_close(&output->json);
    arena_close(&output->arena);
    free(output->table);
    output->table = NULL;
    output->section = NULL;
    output->began = false;
    output->failed = false;
}

bool output_close(struct output *output, struct error *error)
{
    writers[output->format].close(output);
    bool written = fflush(output->stream) == 0 && ferror(output->stream) == 0;
    bool failed = output->failed || output->json.failed;

    output_abandon(output);
    if (failed)
        return error_set(error, ERROR_FATAL, "output", "could not write all of the answer: out of memory");
    if (!written)
        return error_set_errno(error, ERROR_FATAL, "output", "could not write all of the answer");
    return true;
}
