#include "proto/program.h"

#include "proto/prose.h"

#include <string.h>

enum { INDENT = 2, GAP = 2, LEFT_COLUMNS_MAX = 22, EXAMPLE_INDENT = 2 };

static size_t left_size(const struct program_command *command)
{
    return strlen(command->name) + (command->arguments[0] != '\0') + strlen(command->arguments);
}

/* Of the widest that is not too wide to have a line of its own. */
static size_t left_width(const struct program *program)
{
    size_t width = 0;

    for (size_t i = 0; i < program->count; i++) {
        size_t size = left_size(&program->commands[i]);

        if (size > width && size <= LEFT_COLUMNS_MAX)
            width = size;
    }
    return width;
}

static void print_command(const struct program_command *command, size_t width, FILE *out)
{
    struct prose prose = {.out = out, .indent = INDENT + width + GAP, .column = INDENT + left_size(command)};

    fprintf(out, "  %s%s%s", command->name, command->arguments[0] == '\0' ? "" : " ", command->arguments);
    if (prose.column > prose.indent - GAP)
        prose_end(&prose);
    prose_words(&prose, command->summary, strlen(command->summary));
    prose_end(&prose);
}

static void print_options(const char *title, const struct options_table *table, FILE *out)
{
    if (table->count == 0)
        return;
    fprintf(out, "\n%s:\n", title);
    options_print_help(table, out);
}

void program_print_help(const struct program *program, FILE *out)
{
    size_t width = left_width(program);
    bool has_pages = false;

    fprintf(out, "%s: %s\n\nUsage: %s %s\n\nCommands:\n", program->name, program->summary, program->name,
            program->usage);
    for (size_t i = 0; i < program->count; i++) {
        print_command(&program->commands[i], width, out);
        has_pages = has_pages || program->commands[i].description != NULL;
    }
    if (has_pages)
        fprintf(out, "\n%s COMMAND --help tells more.\n", program->name);
    print_options(has_pages ? "Options without a command" : "Options", &program->alone, out);
    print_options("Options of all commands", &program->shared, out);
    fprintf(out, "\n");
    prose_print(program->description, out);
}

static void print_example(const char *example, FILE *out)
{
    if (example == NULL)
        return;
    fprintf(out, "\nExamples:\n");
    while (*example != '\0') {
        size_t length = strcspn(example, "\n");

        fprintf(out, "%*s%.*s\n", EXAMPLE_INDENT, "", (int)length, example);
        example += length + (example[length] == '\n');
    }
}

void program_print_command_help(const struct program *program, const struct program_command *command, FILE *out)
{
    struct prose prose = {.out = out};

    fprintf(out, "%s %s:", program->name, command->name);
    prose.column = strlen(program->name) + strlen(command->name) + 2;
    prose_words(&prose, command->summary, strlen(command->summary));
    prose_end(&prose);
    fprintf(out, "\nUsage: %s %s ", program->name, command->name);
    if (command->usage != NULL)
        fprintf(out, "%s\n\n", command->usage);
    else
        fprintf(out, "%s%s[OPTION...]\n\n", command->arguments, command->arguments[0] == '\0' ? "" : " ");
    prose_print(command->description, out);
    print_example(command->example, out);
    print_options("Options", &command->options, out);
    print_options("Options of all commands", &program->shared, out);
}
