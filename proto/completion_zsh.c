#include "proto/completion_parts.h"

#include <string.h>

static const char quote[] = "'\\''";

/* What _arguments does in a place: ":MESSAGE:ACTION", within '...'. */
static void print_action(const char *message, const struct completion_value *value, FILE *out)
{
    fprintf(out, ":%s:", message);
    switch (value->kind) {
    case COMPLETION_WORDS:
        fprintf(out, "(%s)", value->words);
        break;
    case COMPLETION_FILES:
        fputs("_files", out);
        break;
    case COMPLETION_FOLDERS:
        fputs("_files -/", out);
        break;
    case COMPLETION_COMMANDS:
        fputs("_command_names -e", out);
        break;
    case COMPLETION_ANYTHING:
        fputc(' ', out);
        break;
    }
}

/* '--flag=[help]:VALUE:action' */
static void print_option(const struct option_spec *spec, FILE *out)
{
    struct completion_value value;
    bool takes = completion_parts_takes_value(spec);

    if (spec->flag == NULL)
        return;
    fprintf(out, " \\\n            '%s%s['", spec->flag, takes ? "=" : "");
    completion_parts_print_quoted(spec->help, "[]:\\", quote, out);
    fputs("']", out);
    if (takes) {
        completion_parts_of_option(spec, &value);
        print_action(options_print_value_name(spec), &value, out);
    }
    fputc('\'', out);
}

static void print_options(const struct options_table *table, FILE *out)
{
    for (size_t i = 0; i < table->count; i++)
        print_option(&table->specs[i], out);
}

static void print_arguments(const struct program_command *command, FILE *out)
{
    struct completion_value value;

    if (command->stops_at_word) {
        fputs(" \\\n            '*::COMMAND:_normal'", out);
        return;
    }
    for (size_t i = 0; i < COMPLETION_PLACES_MAX; i++) {
        completion_parts_of_argument(command, i, &value);
        if (value.kind == COMPLETION_ANYTHING)
            continue;
        fprintf(out, " \\\n            '%zu", i + 1);
        print_action("argument", &value, out);
        fputc('\'', out);
    }
}

static void print_commands(const struct program *program, FILE *out)
{
    fprintf(out, "    commands=(\n");
    for (size_t i = 0; i < program->count; i++) {
        fprintf(out, "        '%s:'", program->commands[i].name);
        completion_parts_print_quoted(program->commands[i].summary, "\\", quote, out);
        fputc('\n', out);
    }
    fprintf(out, "    )\n");
}

void completion_zsh_print(const struct program *program, FILE *out)
{
    fprintf(out, "_%s() {\n    local curcontext=$curcontext state line\n    local -a commands\n\n", program->name);
    print_commands(program, out);
    fprintf(out, "    _arguments -C");
    print_options(&program->alone, out);
    print_options(&program->shared, out);
    fprintf(out, " \\\n            '1:command:->command' '*::argument:->argument'\n"
                 "    case $state in\n"
                 "    command) _describe command commands ;;\n"
                 "    argument)\n"
                 "        case $line[1] in\n");
    for (size_t i = 0; i < program->count; i++) {
        fprintf(out, "        %s)\n            _arguments", program->commands[i].name);
        print_options(&program->commands[i].options, out);
        print_options(&program->shared, out);
        print_arguments(&program->commands[i], out);
        fprintf(out, "\n            ;;\n");
    }
    fprintf(out, "        esac\n        ;;\n    esac\n}\n\n");
    fprintf(out, "if [[ $funcstack[1] == _%s ]]; then _%s \"$@\"; else compdef _%s %s; fi\n", program->name,
            program->name, program->name, program->name);
}
