#include "proto/completion_parts.h"

#include <string.h>

/* Readline breaks words at "=" too: what is behind a flag that takes a value is found in the same way for both
 * forms. */
static const char walk[] =
    "    local current=${COMP_WORDS[COMP_CWORD]} command='' flag='' words='' kind='' word place=0 i\n"
    "\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        case $word in\n"
    "        %s)\n"
    "            flag=$word\n"
    "            [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))\n"
    "            ((i++))\n"
    "            ;;\n"
    "        -*) ;;\n"
    "        *)\n"
    "            if [[ -z $command ]]; then command=$word; else ((place++)); fi\n"
    "            ;;\n"
    "        esac\n"
    "    done\n";

static const char end[] = "    case $kind in\n"
                          "    files)\n"
                          "        compopt -o filenames\n"
                          "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
                          "        ;;\n"
                          "    folders)\n"
                          "        compopt -o filenames\n"
                          "        mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
                          "        ;;\n"
                          "    commands)\n"
                          "        compopt -o filenames\n"
                          "        mapfile -t COMPREPLY < <(compgen -c -- \"$current\")\n"
                          "        ;;\n"
                          "    *) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\") ;;\n"
                          "    esac\n"
                          "}\n";

/* ---- all flags, each once ---------------------------------------------------------------------------------------- */

static const struct options_table *table_of(const struct program *program, size_t number)
{
    if (number < program->count)
        return &program->commands[number].options;
    return number == program->count ? &program->shared : &program->alone;
}

static bool was_before(const struct program *program, size_t table, size_t row)
{
    const char *flag = table_of(program, table)->specs[row].flag;

    for (size_t i = 0; i <= table; i++)
        for (size_t j = 0; j < (i < table ? table_of(program, i)->count : row); j++) {
            const char *other = table_of(program, i)->specs[j].flag;

            if (other != NULL && strcmp(other, flag) == 0)
                return true;
        }
    return false;
}

static void for_each_flag(const struct program *program, void (*print)(const struct option_spec *, bool *, FILE *),
                          FILE *out)
{
    bool is_first = true;

    for (size_t i = 0; i < program->count + 2; i++)
        for (size_t j = 0; j < table_of(program, i)->count; j++) {
            const struct option_spec *spec = &table_of(program, i)->specs[j];

            if (completion_parts_takes_value(spec) && !was_before(program, i, j))
                print(spec, &is_first, out);
        }
}

static void print_alternative(const struct option_spec *spec, bool *is_first, FILE *out)
{
    fprintf(out, "%s%s", *is_first ? "" : " | ", spec->flag);
    *is_first = false;
}

/* ---- what is proposed -------------------------------------------------------------------------------------------- */

static void print_value(const struct completion_value *value, FILE *out)
{
    static const char *const kinds[] = {
        [COMPLETION_FILES] = "files", [COMPLETION_FOLDERS] = "folders", [COMPLETION_COMMANDS] = "commands"};

    if (value->kind == COMPLETION_WORDS)
        fprintf(out, "words='%s'", value->words);
    else
        fprintf(out, "kind=%s", kinds[value->kind]);
}

static void print_flag_case(const struct option_spec *spec, bool *is_first, FILE *out)
{
    struct completion_value value;

    (void)is_first;
    completion_parts_of_option(spec, &value);
    if (value.kind == COMPLETION_ANYTHING)
        return;
    fprintf(out, "        %s) ", spec->flag);
    print_value(&value, out);
    fprintf(out, " ;;\n");
}

static void print_flags(const struct options_table *table, FILE *out)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->specs[i].flag != NULL)
            fprintf(out, "%s ", table->specs[i].flag);
}

static void print_flag_lists(const struct program *program, FILE *out)
{
    fprintf(out, "        case $command in\n        '') words='");
    print_flags(&program->alone, out);
    print_flags(&program->shared, out);
    fprintf(out, "' ;;\n");
    for (size_t i = 0; i < program->count; i++) {
        fprintf(out, "        %s) words='", program->commands[i].name);
        print_flags(&program->commands[i].options, out);
        print_flags(&program->shared, out);
        fprintf(out, "' ;;\n");
    }
    fprintf(out, "        esac\n");
}

static void print_arguments(const struct program_command *command, FILE *out)
{
    struct completion_value value;

    for (size_t i = 0; i < COMPLETION_PLACES_MAX; i++) {
        completion_parts_of_argument(command, i, &value);
        if (value.kind == COMPLETION_ANYTHING)
            continue;
        fprintf(out, "        %s:%zu) ", command->name, i);
        print_value(&value, out);
        fprintf(out, " ;;\n");
    }
}

static void print_foreign(const struct program *program, FILE *out)
{
    for (size_t i = 0; i < program->count; i++)
        if (program->commands[i].stops_at_word)
            fprintf(out, "    elif [[ $command == %s && $place -gt 0 ]]; then\n        kind=files\n",
                    program->commands[i].name);
}

static void print_function_name(const struct program *program, FILE *out)
{
    for (const char *letter = program->name; *letter != '\0'; letter++)
        fputc(*letter == '-' ? '_' : *letter, out);
}

void completion_bash_print(const struct program *program, FILE *out)
{
    fprintf(out, "_");
    print_function_name(program, out);
    fprintf(out, "() {\n");
    fwrite(walk, 1, (size_t)(strstr(walk, "%s") - walk), out);
    for_each_flag(program, print_alternative, out);
    fputs(strstr(walk, "%s") + 2, out);

    fprintf(out, "    if ((i > COMP_CWORD)); then\n"
                 "        [[ $current == = ]] && current=''\n"
                 "        case $flag in\n");
    for_each_flag(program, print_flag_case, out);
    fprintf(out, "        *) return ;;\n        esac\n");
    print_foreign(program, out);
    fprintf(out, "    elif [[ $current == -* ]]; then\n");
    print_flag_lists(program, out);
    fprintf(out, "    elif [[ -z $command ]]; then\n        words='");
    for (size_t i = 0; i < program->count; i++)
        fprintf(out, "%s ", program->commands[i].name);
    fprintf(out, "'\n    else\n        case $command:$place in\n");
    for (size_t i = 0; i < program->count; i++)
        print_arguments(&program->commands[i], out);
    fprintf(out, "        *) return ;;\n        esac\n    fi\n");
    fputs(end, out);
    fprintf(out, "complete -F _");
    print_function_name(program, out);
    fprintf(out, " %s\n", program->name);
}
