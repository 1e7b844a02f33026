/* Any arguments and any variables: they are taken within the limits of the table, or refused with a reason.
 *
 * The input is a line a word: "NAME=value" before the first empty line sets a variable, what follows are arguments. A
 * first line "stop" ends parsing at the first word. */
#include "proto/options.h"

#include "proto/slice.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct settings {
    const char *text;
    const char *secret;
    const char *choice;
    int64_t number;
    int64_t duration_ms;
    int64_t bytes;
    bool truth;
};

/* clang-format off */
static const struct option_spec specs[] = {
    {.flag = "--text", .variable = "T_TEXT", .type = OPTION_TEXT, .offset = offsetof(struct settings, text),
     .fallback = "text", .help = "a text"},
    {.flag = "--secret", .variable = "T_SECRET", .type = OPTION_SECRET, .offset = offsetof(struct settings, secret),
     .help = "a secret"},
    {.flag = "--choice", .variable = "T_CHOICE", .type = OPTION_CHOICE, .offset = offsetof(struct settings, choice),
     .fallback = "one", .choices = "one two three", .help = "a choice"},
    {.flag = "--number", .variable = "T_NUMBER", .type = OPTION_INTEGER, .offset = offsetof(struct settings, number),
     .fallback = "5", .minimum = -5, .maximum = 1024, .help = "a number"},
    {.flag = "--duration", .variable = "T_DURATION", .type = OPTION_DURATION,
     .offset = offsetof(struct settings, duration_ms), .fallback = "5s", .help = "a duration"},
    {.flag = "--bytes", .variable = "T_BYTES", .type = OPTION_BYTES, .offset = offsetof(struct settings, bytes),
     .fallback = "5MiB", .help = "a number of bytes"},
    {.flag = "--truth", .variable = "T_TRUTH", .type = OPTION_BOOLEAN, .offset = offsetof(struct settings, truth),
     .help = "a truth"},
};
/* clang-format on */

enum { SPECS = sizeof specs / sizeof specs[0], WORDS_MAX = 64 };

static const struct options_table table = {"fuzz", specs, SPECS};

static void check_settings(const struct settings *settings)
{
    assert(settings->text != NULL);
    assert(strcmp(settings->choice, "one") == 0 || strcmp(settings->choice, "two") == 0 ||
           strcmp(settings->choice, "three") == 0);
    assert(settings->number >= -5 && settings->number <= 1024);
    assert(settings->duration_ms >= 0);
    assert(settings->bytes >= 0);
}

static void check_error(const struct error *error, const char *reason)
{
    assert(error->kind == ERROR_FATAL);
    assert(strcmp(error->reason, reason) == 0);
    assert(error->text[0] != '\0');
}

/* Only the table's own variables: others would change the fuzzer. */
static void set_variable(char *word)
{
    char *value = strchr(word, '=');

    if (value == NULL)
        return;
    *value++ = '\0';
    for (size_t i = 0; i < SPECS; i++)
        if (strcmp(specs[i].variable, word) == 0)
            setenv(word, value, 1);
}

static char *next_line(char **rest)
{
    return *rest == NULL ? NULL : strsep(rest, "\n");
}

static int collect(char *text, char **argv)
{
    static char program[] = "program";
    int argc = 0;

    for (char *word = next_line(&text); word != NULL && word[0] != '\0'; word = next_line(&text))
        set_variable(word);
    argv[argc++] = program;
    for (char *word = next_line(&text); word != NULL && argc < WORDS_MAX; word = next_line(&text))
        argv[argc++] = word;
    argv[argc] = NULL;
    return argc;
}

/* What is left are words given, in their order. */
static void check_left(char **given, int given_count, char **left, int left_count)
{
    int at = 1;

    assert(left[0] == given[0] && left[left_count] == NULL);
    for (int i = 1; i < left_count; i++) {
        while (at < given_count && given[at] != left[i])
            at++;
        assert(at < given_count);
    }
}

static void try_arguments(char *text, bool stop_at_word)
{
    char *given[WORDS_MAX + 1];
    char *argv[WORDS_MAX + 1];
    struct settings settings = {0};
    struct error error = {.kind = ERROR_NONE};
    int given_count = collect(text, given);
    int argc = given_count;

    memcpy(argv, given, sizeof given[0] * ((size_t)argc + 1));
    if (!options_from_environment(&table, &settings, &error)) {
        check_error(&error, "config");
        return;
    }
    check_settings(&settings);
    if (!options_from_arguments(&table, &settings, stop_at_word, &argc, argv, &error)) {
        check_error(&error, "usage");
        return;
    }
    check_settings(&settings);
    check_left(given, given_count, argv, argc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);

    assert(text != NULL);
    for (size_t i = 0; i < SPECS; i++)
        unsetenv(specs[i].variable);
    try_arguments(text, strncmp(text, "stop\n", 5) == 0);
    free(text);
    return 0;
}
