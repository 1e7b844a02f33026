#include "proto/manual.h"

#include <limits.h>
#include <string.h>

static const char exit_codes[] = "Exit codes:";

/* ---- text ------------------------------------------------------------------------------------------------------- */

/* Within a line these begin emphasis or a line break; at its beginning others begin a heading, a list, a table. */
static void print_text(const char *text, size_t size, FILE *out)
{
    for (size_t i = 0; i < size; i++) {
        if (strchr("\\*_`+", text[i]) != NULL || (i == 0 && strchr("#-.|[];!~'", text[i]) != NULL))
            fputc('\\', out);
        fputc(text[i], out);
    }
}

static void print_word(const char *text, FILE *out)
{
    print_text(text, strlen(text), out);
}

/* Lines for a shell, as they are. */
static void print_literally(const char *text, FILE *out)
{
    fprintf(out, "```\n%s%s```\n", text, text[strlen(text) - 1] == '\n' ? "" : "\n");
}

static size_t line_size(const char *text, const char *end)
{
    const char *found = memchr(text, '\n', (size_t)(end - text));

    return found == NULL ? (size_t)(end - text) : (size_t)(found - text);
}

/* Prose; what is indented there is literal here. */
static void print_prose(const char *text, const char *end, FILE *out)
{
    bool is_literal = false;

    while (text < end) {
        size_t size = line_size(text, end);
        bool becomes_literal = text[0] == ' ';

        if (becomes_literal != is_literal)
            fputs(is_literal ? "```\n\n" : "\n```\n", out);
        is_literal = becomes_literal;
        if (is_literal)
            fwrite(text, 1, size, out);
        else
            print_text(text, size, out);
        fputc('\n', out);
        text += size + 1;
    }
    if (is_literal)
        fputs("```\n", out);
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

static void print_left(const struct option_spec *spec, FILE *out)
{
    const char *value = options_print_value_name(spec);

    if (spec->flag == NULL) {
        fputc('*', out);
        print_word(spec->variable, out);
        fputs("*\n", out);
        return;
    }
    fprintf(out, strcmp(spec->flag, "--help") == 0 ? "*-h*, *%s*" : "*%s*", spec->flag);
    if (value[0] != '\0') {
        fputs(" _", out);
        print_word(value, out);
        fputc('_', out);
    }
    fputc('\n', out);
}

static void print_option(const struct option_spec *spec, FILE *out)
{
    char details[OPTIONS_PRINT_DETAILS_BYTES];

    print_left(spec, out);
    fputc('\t', out);
    print_word(spec->help, out);
    options_print_details(spec, details);
    if (details[0] != '\0') {
        fputs("++\n", out);
        print_word(details, out);
    }
    fputs("\n\n", out);
}

static void print_options(const char *heading, const struct options_table *table, FILE *out)
{
    if (table->count == 0)
        return;
    fprintf(out, "\n# %s\n\n", heading);
    for (size_t i = 0; i < table->count; i++)
        print_option(&table->specs[i], out);
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

static void print_description(const char *description, const char *codes, FILE *out)
{
    fputs("\n# DESCRIPTION\n\n", out);
    print_prose(description, codes == NULL ? description + strlen(description) : codes, out);
}

static void print_exit_codes(const char *codes, FILE *out)
{
    if (codes == NULL)
        return;
    fputs("\n# EXIT STATUS\n\n", out);
    codes += strlen(exit_codes) + 1;
    print_prose(codes, codes + strlen(codes), out);
}

static void print_command_page(const struct program *program, const struct program_command *command, FILE *out)
{
    const char *codes = strstr(command->description, exit_codes);

    fprintf(out, "%s-%s(%d) \"taskledger %s\" \"taskledger\"\n\n# NAME\n\n%s-%s - ", program->name, command->name,
            program->section, program->version, program->name, command->name);
    print_word(command->summary, out);
    fprintf(out, "\n\n# SYNOPSIS\n\n*%s %s* ", program->name, command->name);
    print_word(command->usage != NULL ? command->usage : command->arguments, out);
    fputs(command->usage != NULL ? "\n" : " \\[OPTION...]\n", out);
    print_description(command->description, codes, out);
    print_options("OPTIONS", &command->options, out);
    print_options("OPTIONS OF ALL COMMANDS", &program->shared, out);
    print_exit_codes(codes, out);
    if (command->example != NULL) {
        fputs("\n# EXAMPLES\n\n", out);
        print_literally(command->example, out);
    }
    fprintf(out, "\n# SEE ALSO\n\n*%s*(%d), *taskledger*(7)\n", program->name, program->section);
}

static void print_commands(const struct program *program, FILE *out)
{
    fputs("\n# COMMANDS\n\n", out);
    for (size_t i = 0; i < program->count; i++) {
        const struct program_command *command = &program->commands[i];

        if (command->description != NULL)
            fprintf(out, "*%s-%s*(%d)", program->name, command->name, program->section);
        else
            fprintf(out, "*%s*", command->name);
        fputc(' ', out);
        print_word(command->arguments, out);
        fputs("\n\t", out);
        print_word(command->summary, out);
        fputs("\n\n", out);
    }
}

static void print_program_page(const struct program *program, FILE *out)
{
    const char *codes = strstr(program->description, exit_codes);

    fprintf(out, "%s(%d) \"taskledger %s\" \"taskledger\"\n\n# NAME\n\n%s - ", program->name, program->section,
            program->version, program->name);
    print_word(program->summary, out);
    fprintf(out, "\n\n# SYNOPSIS\n\n*%s* ", program->name);
    print_word(program->usage, out);
    fputc('\n', out);
    print_commands(program, out);
    print_options("OPTIONS", &program->alone, out);
    print_options("OPTIONS OF ALL COMMANDS", &program->shared, out);
    print_exit_codes(codes, out);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static bool write_page(const struct program *program, const struct program_command *command, const char *folder,
                       struct error *error)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s%s%s.%d.scd", folder, program->name, command == NULL ? "" : "-",
             command == NULL ? "" : command->name, program->section);
    FILE *out = fopen(path, "we");
    if (out == NULL)
        return error_set_errno(error, ERROR_FATAL, "output", "could not write \"%s\"", path);
    if (command == NULL)
        print_program_page(program, out);
    else
        print_command_page(program, command, out);
    bool is_written = ferror(out) == 0;
    if (fclose(out) == 0 && is_written)
        return true;
    return error_set_errno(error, ERROR_FATAL, "output", "could not write \"%s\"", path);
}

bool manual_write(const struct program *program, const char *folder, struct error *error)
{
    for (size_t i = 0; i < program->count; i++)
        if (program->commands[i].description != NULL && !write_page(program, &program->commands[i], folder, error))
            return false;
    return write_page(program, NULL, folder, error);
}
