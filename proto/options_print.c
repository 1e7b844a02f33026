#include "proto/options.h"

#include "proto/options_value.h"
#include "proto/prose.h"

#include <string.h>

enum { LEFT_BYTES_MAX = 80, LEFT_COLUMNS_MAX = 24, INDENT = 2, GAP = 2 };

const char *options_print_value_name(const struct option_spec *spec)
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
    const char *value = options_print_value_name(spec);

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

static size_t left_width(const struct options_table *table)
{
    char left[LEFT_BYTES_MAX];
    size_t width = 0;

    for (size_t i = 0; i < table->count; i++) {
        size_t length = format_left(&table->specs[i], left);

        if (length > width && length <= LEFT_COLUMNS_MAX)
            width = length;
    }
    return width;
}

static bool is_limited(const struct option_spec *spec)
{
    return spec->type == OPTION_INTEGER || spec->type == OPTION_DURATION || spec->type == OPTION_BYTES ||
           spec->type == OPTION_CHOICE;
}

void options_print_details(const struct option_spec *spec, char details[OPTIONS_PRINT_DETAILS_BYTES])
{
    const char *variable = spec->flag == NULL ? NULL : spec->variable;
    const char *fallback = shown_default(spec);
    char expected[OPTIONS_VALUE_EXPECTED_BYTES] = "";

    if (is_limited(spec))
        options_value_expected(spec, expected);
    snprintf(details, OPTIONS_PRINT_DETAILS_BYTES, "%s%s%s%s%s%s", expected,
             expected[0] != '\0' && fallback != NULL ? "; " : "", fallback == NULL ? "" : "default ",
             fallback == NULL ? "" : fallback,
             variable != NULL && (expected[0] != '\0' || fallback != NULL) ? "; " : "",
             variable == NULL ? "" : variable);
}

static void print_help_of(const struct option_spec *spec, size_t indent, FILE *out)
{
    struct prose prose = {.out = out, .indent = indent};
    char details[OPTIONS_PRINT_DETAILS_BYTES];
    char left[LEFT_BYTES_MAX];

    prose.column = INDENT + format_left(spec, left);
    fprintf(out, "%*s%s", INDENT, "", left);
    if (prose.column > indent - GAP)
        prose_end(&prose);
    prose_words(&prose, spec->help, strlen(spec->help));
    prose_end(&prose);
    options_print_details(spec, details);
    prose_words(&prose, details, strlen(details));
    prose_end(&prose);
}

void options_print_help(const struct options_table *table, FILE *out)
{
    for (size_t i = 0; i < table->count; i++)
        print_help_of(&table->specs[i], INDENT + left_width(table) + GAP, out);
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
