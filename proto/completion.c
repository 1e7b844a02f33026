#include "proto/completion.h"

#include "proto/completion_parts.h"
#include "proto/status.h"

#include <ctype.h>
#include <string.h>

bool completion_parts_takes_value(const struct option_spec *spec)
{
    return spec->flag != NULL && options_print_value_name(spec)[0] != '\0';
}

static void add_statuses(char words[COMPLETION_WORDS_BYTES])
{
    size_t size = 0;

    for (enum status status = STATUS_PENDING; status <= STATUS_CANCELLED; status++)
        size += (size_t)snprintf(words + size, COMPLETION_WORDS_BYTES - size, "%s%s", size == 0 ? "" : " ",
                                 status_name(status));
}

/* What --help calls a value tells what it is. */
static void of_name(const char *name, size_t size, struct completion_value *value)
{
    struct slice given = slice_of(name, size);

    value->kind = COMPLETION_ANYTHING;
    value->words[0] = '\0';
    if (slice_equal(given, slice_from_text("FILE")) || slice_equal(given, slice_from_text("SEAL"))) {
        value->kind = COMPLETION_FILES;
    } else if (slice_equal(given, slice_from_text("DIR"))) {
        value->kind = COMPLETION_FOLDERS;
    } else if (slice_equal(given, slice_from_text("COMMAND"))) {
        value->kind = COMPLETION_COMMANDS;
    } else if (slice_equal(given, slice_from_text("STATUS"))) {
        value->kind = COMPLETION_WORDS;
        add_statuses(value->words);
    }
}

void completion_parts_of_option(const struct option_spec *spec, struct completion_value *value)
{
    const char *name = options_print_value_name(spec);

    of_name(name, strlen(name), value);
    if (spec->type == OPTION_CHOICE) {
        value->kind = COMPLETION_WORDS;
        snprintf(value->words, sizeof value->words, "%s", spec->choices);
    }
}

/* Words to choose from: "list|show|retry". */
static void of_alternatives(const char *place, size_t size, struct completion_value *value)
{
    if (size >= sizeof value->words)
        return;
    value->kind = COMPLETION_WORDS;
    for (size_t i = 0; i < size; i++)
        value->words[i] = (char)(place[i] == '|' ? ' ' : place[i]);
    value->words[size] = '\0';
}

/* Without the brackets of what may be left out and the dots of what may come again. */
static const char *bare(const char *place, size_t *size)
{
    if (place[0] == '[') {
        place++;
        (*size)--;
    }
    while (*size > 0 && strchr("].", place[*size - 1]) != NULL)
        (*size)--;
    return place;
}

void completion_parts_of_argument(const struct program_command *command, size_t number, struct completion_value *value)
{
    const char *place = command->arguments;
    size_t size = strcspn(place, " ");

    while (number > 0 && place[size] != '\0') {
        place += size + 1;
        size = strcspn(place, " ");
        number--;
    }
    if (number > 0)
        size = 0;
    place = bare(place, &size);
    of_name(place, size, value);
    if (size > 0 && islower((unsigned char)place[0]))
        of_alternatives(place, size, value);
}

void completion_parts_print_quoted(const char *text, const char *escaped, const char *quote, FILE *out)
{
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs(quote, out);
        else
            fprintf(out, "%s%c", strchr(escaped, *text) == NULL ? "" : "\\", *text);
    }
    fputc('\'', out);
}

static const struct {
    const char *name;
    void (*print)(const struct program *program, FILE *out);
} shells[] = {{"bash", completion_bash_print}, {"zsh", completion_zsh_print}, {"fish", completion_fish_print}};

bool completion_print(const struct program *program, const char *shell, FILE *out)
{
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(shells[i].name, shell) != 0)
            continue;
        if (strcmp(shell, "zsh") == 0)
            fprintf(out, "#compdef %s\n", program->name); /* has to be the first line */
        fprintf(out, "# Written by \"%s --print-completion %s\" from its tables.\n", program->name, shell);
        shells[i].print(program, out);
        return true;
    }
    return false;
}
