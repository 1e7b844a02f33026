#include "replay/output/output_table.h"

#include "proto/text.h"
#include "replay/duration.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CELL_BYTES_MAX = ZONE_TEXT_BYTES, SENTENCE_BYTES_MAX = 2048 };

struct cell {
    struct slice text; /* in the arena, harmless */
    size_t width;
    enum tone tone;
};

struct row {
    struct slice heading; /* data NULL: a row of cells */
    struct cell cells[OUTPUT_COLUMNS_MAX];
};

struct table {
    struct row rows[TABLE_ROWS_HELD];
    size_t count;
    bool widths_are_fixed;
    size_t widths[OUTPUT_COLUMNS_MAX];
    bool shown[OUTPUT_COLUMNS_MAX];
    bool is_narrow; /* yielding columns are below */
};

static const char *const colours[TONES] = {
    [TONE_PLAIN] = "",       [TONE_GOOD] = "\x1b[32m", [TONE_BAD] = "\x1b[1;31m",
    [TONE_ODD] = "\x1b[33m", [TONE_FAINT] = "\x1b[2m",
};

static void write_spaces(FILE *stream, size_t count)
{
    while (count-- > 0)
        fputc(' ', stream);
}

static void write_toned(struct output *output, enum tone tone, struct slice text)
{
    bool coloured = output->has_colour && tone != TONE_PLAIN && text.size > 0;

    if (coloured)
        fputs(colours[tone], output->stream);
    fwrite(text.data == NULL ? (const void *)"" : text.data, 1, text.size, output->stream);
    if (coloured)
        fputs("\x1b[0m", output->stream);
}

static struct slice keep(struct output *output, struct slice text)
{
    struct slice kept = arena_copy(&output->arena, text);

    if (kept.data == NULL && text.size > 0) {
        output->failed = true;
        return (struct slice){.data = NULL};
    }
    return kept;
}

static struct slice harmless(struct output *output, struct slice text)
{
    struct slice escaped = text_escape(text, &output->arena);

    if (escaped.data == text.data)
        return keep(output, text);
    if (escaped.data == NULL) {
        output->failed = true;
        return (struct slice){.data = NULL};
    }
    return escaped;
}

/* Numbers and times have no more than CELL_BYTES_MAX; text is as long as it is. */
static struct slice shown_as(struct output *output, const struct column *column, const struct value *value)
{
    char text[CELL_BYTES_MAX] = "";

    switch (column->type) {
    case COLUMN_TEXT:
    case COLUMN_JSON:
        /* Below its row a text keeps its lines and is made harmless line by line. */
        return column->place == COLUMN_BELOW ? keep(output, value->text) : harmless(output, value->text);
    case COLUMN_INTEGER:
        snprintf(text, sizeof text, "%" PRId64, value->integer);
        break;
    case COLUMN_FRACTION:
        snprintf(text, sizeof text, "%.4g%%", value->real * 100);
        break;
    case COLUMN_BOOLEAN:
        snprintf(text, sizeof text, "%s", value->integer ? "yes" : "no");
        break;
    case COLUMN_TIME:
        zone_format_short(&output->zone, value->integer, text);
        break;
    case COLUMN_DURATION:
        duration_format(value->integer, text);
        break;
    }
    return keep(output, slice_from_text(text));
}

static struct cell cell_of(struct output *output, const struct column *column, const struct value *value)
{
    struct cell cell = {.tone = value->tone};

    if (!value->is_given || column->place == COLUMN_MACHINE)
        return cell;
    cell.text = shown_as(output, column, value);
    cell.width = column->place == COLUMN_BELOW ? 0 : text_width(cell.text);
    return cell;
}

static bool is_in_line(const struct column *column)
{
    return column->place == COLUMN_CELL || column->place == COLUMN_YIELDING || column->place == COLUMN_PEOPLE;
}

static const char *title_of(const struct column *column)
{
    return column->title != NULL ? column->title : column->name;
}

static bool is_right_aligned(const struct column *column)
{
    return column->type == COLUMN_INTEGER || column->type == COLUMN_FRACTION || column->type == COLUMN_DURATION;
}

/* One line behind its title, several below it, indented; a final line feed makes no further line. */
static void write_below(struct output *output, const struct column *column, const struct cell *cell)
{
    struct slice rest = cell->text;
    bool has_lines = memchr(rest.data, '\n', rest.size) != NULL;

    write_spaces(output->stream, 4);
    write_toned(output, TONE_FAINT, slice_from_text(title_of(column)));
    fputs(has_lines ? "\n" : "  ", output->stream);
    while (rest.size > 0) {
        const uint8_t *feed = memchr(rest.data, '\n', rest.size);
        size_t size = feed == NULL ? rest.size : (size_t)(feed - rest.data);

        write_spaces(output->stream, has_lines ? 6 : 0);
        write_toned(output, cell->tone, harmless(output, slice_of(rest.data, size)));
        fputc('\n', output->stream);
        size += feed != NULL;
        rest = slice_of(rest.data + size, rest.size - size);
    }
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

/* Blanks are owed until something follows them, so that no line ends in some. */
static void write_line(struct output *output, const struct cell *cells)
{
    const struct table *table = output->table;
    size_t owed = 0;

    for (size_t i = 0; i < output->section->count; i++) {
        if (!table->shown[i])
            continue;
        size_t padding = table->widths[i] > cells[i].width ? table->widths[i] - cells[i].width : 0;
        bool right = is_right_aligned(&output->section->columns[i]);

        if (cells[i].width > 0) {
            write_spaces(output->stream, owed + (right ? padding : 0));
            write_toned(output, cells[i].tone, cells[i].text);
            owed = right ? 0 : padding;
        } else {
            owed += padding;
        }
        owed += 2;
    }
    fputc('\n', output->stream);
}

static void write_titles(struct output *output)
{
    struct cell cells[OUTPUT_COLUMNS_MAX];

    for (size_t i = 0; i < output->section->count; i++) {
        cells[i].text = slice_from_text(title_of(&output->section->columns[i]));
        cells[i].width = text_width(cells[i].text);
        cells[i].tone = TONE_FAINT;
    }
    write_line(output, cells);
}

static void fix_width(struct output *output, size_t column, bool list_is_whole)
{
    struct table *table = output->table;
    bool given = false;
    size_t width = text_width(slice_from_text(title_of(&output->section->columns[column])));

    for (size_t i = 0; i < table->count; i++) {
        const struct cell *cell = &table->rows[i].cells[column];
        given = given || cell->width > 0;
        if (cell->width > width && cell->width <= TABLE_COLUMN_WIDTH_MAX)
            width = cell->width;
    }
    table->widths[column] = width;
    table->shown[column] = is_in_line(&output->section->columns[column]) && (given || !list_is_whole);
}

/* Of the longest line; a cell may be wider than its column. */
static size_t widest_line(const struct output *output)
{
    const struct table *table = output->table;
    size_t widest = 0;

    for (size_t i = 0; i < table->count; i++) {
        size_t width = 0;

        for (size_t j = 0; j < output->section->count; j++) {
            size_t cell = table->rows[i].cells[j].width;
            if (table->shown[j])
                width += 2 + (cell > table->widths[j] ? cell : table->widths[j]);
        }
        if (width > widest)
            widest = width;
    }
    return widest > 2 ? widest - 2 : 0;
}

static void fix_widths(struct output *output, bool list_is_whole)
{
    struct table *table = output->table;
    const struct section *section = output->section;

    for (size_t i = 0; i < section->count; i++)
        fix_width(output, i, list_is_whole);
    table->is_narrow = output->width > 0 && widest_line(output) > output->width;
    for (size_t i = 0; i < section->count && table->is_narrow; i++)
        if (section->columns[i].place == COLUMN_YIELDING)
            table->shown[i] = false;
    table->widths_are_fixed = true;
}

static bool is_below(const struct output *output, const struct column *column)
{
    return column->place == COLUMN_BELOW || (column->place == COLUMN_YIELDING && output->table->is_narrow);
}

static void write_row(struct output *output, const struct row *row)
{
    if (row->heading.data != NULL) {
        write_toned(output, TONE_PLAIN, row->heading);
        fputc('\n', output->stream);
        return;
    }

    write_line(output, row->cells);
    for (size_t i = 0; i < output->section->count; i++)
        if (is_below(output, &output->section->columns[i]) && row->cells[i].text.size > 0)
            write_below(output, &output->section->columns[i], &row->cells[i]);
}

static void write_held(struct output *output, bool list_is_whole)
{
    struct table *table = output->table;

    if (!table->widths_are_fixed) {
        fix_widths(output, list_is_whole);
        write_titles(output);
    }
    for (size_t i = 0; i < table->count; i++)
        write_row(output, &table->rows[i]);
    table->count = 0;
    arena_reset(&output->arena, TABLE_BYTES_HELD);
}

static struct row *next_row(struct output *output)
{
    struct table *table = output->table;

    if (table->count == TABLE_ROWS_HELD || output->arena.held_bytes > TABLE_BYTES_HELD)
        write_held(output, false);
    return &table->rows[table->count++];
}

/* ---- records --------------------------------------------------------------------------------------------------- */

static void write_record(struct output *output, const struct value *values)
{
    const struct section *section = output->section;
    size_t width = 0;

    for (size_t i = 0; i < section->count; i++)
        if (values[i].is_given && is_in_line(&section->columns[i]) && strlen(title_of(&section->columns[i])) > width)
            width = strlen(title_of(&section->columns[i]));

    for (size_t i = 0; i < section->count; i++) {
        const struct column *column = &section->columns[i];
        struct cell cell = cell_of(output, column, &values[i]);
        struct slice title = slice_from_text(title_of(column));

        if (cell.text.size == 0)
            continue;
        if (column->place == COLUMN_BELOW) {
            write_below(output, column, &cell);
            continue;
        }
        write_toned(output, TONE_FAINT, title);
        write_spaces(output->stream, width - title.size + 2);
        write_toned(output, cell.tone, cell.text);
        fputc('\n', output->stream);
    }
    arena_reset(&output->arena, TABLE_BYTES_HELD);
}

/* ---- the writer ------------------------------------------------------------------------------------------------ */

static void write_title(struct output *output)
{
    if (output->began)
        fputc('\n', output->stream);
    if (output->section->title != NULL) {
        fputs(output->section->title, output->stream);
        fputc('\n', output->stream);
    }
}

void output_table_begin(struct output *output)
{
    if (!output->section->is_list)
        return;
    if (output->table == NULL)
        output->table = malloc(sizeof *output->table);
    if (output->table == NULL) {
        output->failed = true;
        return;
    }
    output->table->count = 0;
    output->table->widths_are_fixed = false;
}

void output_table_row(struct output *output, const struct value *values)
{
    if (!output->began_rows)
        write_title(output);
    if (!output->section->is_list) {
        write_record(output, values);
        return;
    }
    if (output->table == NULL)
        return;

    struct row *row = next_row(output);
    row->heading = (struct slice){.data = NULL};
    for (size_t i = 0; i < output->section->count; i++)
        row->cells[i] = cell_of(output, &output->section->columns[i], &values[i]);
}

void output_table_heading(struct output *output, const char *words)
{
    if (output->table == NULL)
        return;
    struct row *row = next_row(output);
    *row = (struct row){.heading = harmless(output, slice_from_text(words))};
}

void output_table_flush(struct output *output)
{
    if (output->section->is_list && output->table != NULL && output->table->count > 0)
        write_held(output, false);
}

void output_table_end(struct output *output)
{
    if (output->section->is_list && output->table != NULL && output->table->count > 0)
        write_held(output, !output->table->widths_are_fixed);
}

void output_table_say(struct output *output, enum tone tone, const char *format, va_list arguments)
{
    char sentence[SENTENCE_BYTES_MAX];

    vsnprintf(sentence, sizeof sentence, format, arguments);
    write_toned(output, tone, harmless(output, slice_from_text(sentence)));
    fputc('\n', output->stream);
    output->began = true;
}
