#include "proto/completion_parts.h"

#include <string.h>

static const char quote[] = "\\'";

static void print_text(const char *text, FILE *out)
{
    completion_parts_print_quoted(text, "\\", quote, out);
}

/* NULL: before any command. */
static void print_begin(const struct program *program, const char *command, FILE *out)
{
    fprintf(out, "complete -c %s -n ", program->name);
    if (command == NULL)
        fputs("__fish_use_subcommand", out);
    else
        fprintf(out, "'__fish_seen_subcommand_from %s'", command);
}

static void print_value(const struct completion_value *value, bool is_option, FILE *out)
{
    switch (value->kind) {
    case COMPLETION_WORDS:
        fprintf(out, " %s -a '%s'", is_option ? "-x" : "-f", value->words);
        break;
    case COMPLETION_FILES:
        fprintf(out, "%s -F", is_option ? " -r" : "");
        break;
    case COMPLETION_FOLDERS:
        fprintf(out, " %s -a '(__fish_complete_directories)'", is_option ? "-x" : "-f");
        break;
    case COMPLETION_COMMANDS:
        fprintf(out, " %s -a '(__fish_complete_subcommand)'", is_option ? "-x" : "-f");
        break;
    case COMPLETION_ANYTHING:
        fputs(is_option ? " -x" : "", out);
        break;
    }
}

static void print_options(const struct program *program, const char *command, const struct options_table *table,
                          FILE *out)
{
    struct completion_value value;

    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = &table->specs[i];

        if (spec->flag == NULL)
            continue;
        print_begin(program, command, out);
        fprintf(out, " -l %s", spec->flag + strlen("--"));
        if (completion_parts_takes_value(spec)) {
            completion_parts_of_option(spec, &value);
            print_value(&value, true, out);
        }
        fputs(" -d ", out);
        print_text(spec->help, out);
        fputc('\n', out);
    }
}

static void print_arguments(const struct program *program, const struct program_command *command, FILE *out)
{
    struct completion_value value;

    for (size_t i = 0; i < COMPLETION_PLACES_MAX; i++) {
        completion_parts_of_argument(command, i, &value);
        if (value.kind == COMPLETION_ANYTHING)
            continue;
        print_begin(program, command->name, out);
        print_value(&value, false, out);
        fputc('\n', out);
    }
}

void completion_fish_print(const struct program *program, FILE *out)
{
    fprintf(out, "complete -c %s -f\n", program->name);
    print_options(program, NULL, &program->alone, out);
    print_options(program, NULL, &program->shared, out);
    for (size_t i = 0; i < program->count; i++) {
        const struct program_command *command = &program->commands[i];

        print_begin(program, NULL, out);
        fprintf(out, " -a %s -d ", command->name);
        print_text(command->summary, out);
        fputc('\n', out);
        print_options(program, command->name, &command->options, out);
        print_options(program, command->name, &program->shared, out);
        print_arguments(program, command, out);
    }
}
