#include "tests/bench/programs/arguments.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse(const char *program, const struct argument *arguments) __attribute__((noreturn));

static void refuse(const char *program, const struct argument *arguments)
{
    fprintf(stderr, "usage: %s", program);
    for (const struct argument *argument = arguments; argument->name != NULL; argument++)
        fprintf(stderr, " [%s=%ld]", argument->name, *argument->value);
    fputc('\n', stderr);
    exit(2); /* NOLINT(concurrency-mt-unsafe): no threads yet */
}

static bool read_word(const char *word, const struct argument *arguments)
{
    const char *equals = strchr(word, '=');
    char *end;

    for (const struct argument *argument = arguments; equals != NULL && argument->name != NULL; argument++) {
        size_t length = (size_t)(equals - word);
        if (strlen(argument->name) != length || strncmp(argument->name, word, length) != 0)
            continue;
        *argument->value = strtol(equals + 1, &end, 10);
        return end != equals + 1 && *end == '\0' && *argument->value >= 0;
    }
    return false;
}

void arguments_read(int argc, char **argv, const struct argument *arguments)
{
    for (int i = 1; i < argc; i++) {
        if (!read_word(argv[i], arguments))
            refuse(argv[0], arguments);
    }
}
