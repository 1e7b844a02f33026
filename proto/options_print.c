#include "proto/options.h"

#include "proto/options_value.h"

#include <string.h>

enum { LEFT_BYTES_MAX = 80, LEFT_COLUMNS_MAX = 32 };

static const char *value_name(const struct option_spec *spec)
{
    if (spec->value != NULL)
        return spec->value;
    switch (spec->type) {
    case OPTION_INTEGER:
        return "N";
    case OPTION_DURATION:
        return "DURATION";
    case OPTION_BYTES:
        return "BYTES";
    case OPTION_CHOICE:
        return "WORD";
    case OPTION_FILE_OF:
        return "FILE";
    case OPTION_BOOLEAN:
        return "";
    case OPTION_TEXT:
    case OPTION_SECRET:
        break;
    }
    return "TEXT";
}

/* What is typed: "--shards N"; the variable where there is no flag. */
static size_t format_left(const struct option_spec *spec, char left[LEFT_BYTES_MAX])
{
    const char *value = value_name(spec);

    if (spec->flag == NULL)
        snprintf(left, LEFT_BYTES_MAX, "%s", spec->variable);
    else if (strcmp(spec->flag, "--help") == 0)
        snprintf(left, LEFT_BYTES_MAX, "-h, --help");
    else if (spec->type == OPTION_BOOLEAN || value[0] == '\0')
        snprintf(left, LEFT_BYTES_MAX, "%s", spec->flag);
    else
        snprintf(left, LEFT_BYTES_MAX, "%s %s", spec->flag, value);
    return strlen(left);
}

/* Secrets are never printed, not even as a default. */
static const char *shown_default(const struct option_spec *spec)
{
    return spec->type == OPTION_SECRET ? NULL : spec->fallback;
}

/* Help */

static int left_width(const struct options_table *table)
{
    char left[LEFT_BYTES_MAX];
    size_t width = 0;

    for (size_t i = 0; i < table->count; i++) {
        size_t length = format_left(&table->specs[i], left);

        if (length > width && length <= LEFT_COLUMNS_MAX)
            width = length;
    }
    return (int)width;
}

static bool is_limited(const struct option_spec *spec)
{
    return spec->type == OPTION_INTEGER || spec->type == OPTION_DURATION || spec->type == OPTION_BYTES ||
           spec->type == OPTION_CHOICE;
}

/* The second line: limits, default, variable, as far as there are any. */
static void print_details(const struct option_spec *spec, int indent, FILE *out)
{
    const char *variable = spec->flag == NULL ? NULL : spec->variable;
    const char *separator = "";
    char expected[OPTIONS_VALUE_EXPECTED_BYTES];

    options_value_expected(spec, expected);
    if (!is_limited(spec) && shown_default(spec) == NULL && variable == NULL)
        return;
    fprintf(out, "%*s", indent, "");
    if (is_limited(spec)) {
        fprintf(out, "%s", expected);
        separator = "; ";
    }
    if (shown_default(spec) != NULL) {
        fprintf(out, "%sdefault %s", separator, shown_default(spec));
        separator = "; ";
    }
    if (variable != NULL)
        fprintf(out, "%s%s", separator, variable);
    fputc('\n', out);
}

void options_print_help(const struct options_table *table, FILE *out)
{
    int width = left_width(table);
    int indent = width + 4;

    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = &table->specs[i];
        char left[LEFT_BYTES_MAX];

        if (format_left(spec, left) <= (size_t)width)
            fprintf(out, "  %-*s  %s\n", width, left, spec->help);
        else
            fprintf(out, "  %s\n%*s%s\n", left, indent, "", spec->help);
        print_details(spec, indent, out);
    }
}

/* Markdown */

/* A bar would end the cell. */
static void print_cell(const char *text, const char *quote, FILE *out)
{
    fprintf(out, "| ");
    if (text == NULL || text[0] == '\0')
        return;
    fprintf(out, "%s", quote);
    for (; *text != '\0'; text++)
        fprintf(out, "%s%c", *text == '|' ? "\\" : "", *text);
    fprintf(out, "%s ", quote);
}

void options_print_markdown(const struct options_table *table, FILE *out)
{
    fprintf(out, "| flag | variable | value | default | |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = &table->specs[i];
        char expected[OPTIONS_VALUE_EXPECTED_BYTES];
        char left[LEFT_BYTES_MAX];

        options_value_expected(spec, expected);
        format_left(spec, left);
        print_cell(spec->flag == NULL ? NULL : left, "`", out);
        print_cell(spec->variable, "`", out);
        print_cell(expected, "", out);
        print_cell(shown_default(spec), "`", out);
        print_cell(spec->help, "", out);
        fprintf(out, "|\n");
    }
}
