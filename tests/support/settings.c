#include "tests/support/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* clang-format off */
static const struct option_spec specs[] = {
    {.flag = "--stream", .variable = "T_STREAM", .type = OPTION_TEXT, .offset = offsetof(struct settings, stream),
     .fallback = "taskledger:events", .value = "NAME", .help = "key of the stream"},
    {.flag = "--shards", .variable = "T_SHARDS", .type = OPTION_INTEGER, .offset = offsetof(struct settings, shards),
     .fallback = "1", .minimum = 1, .maximum = 1024, .help = "streams that share the load"},
    {.flag = "--offset", .type = OPTION_INTEGER, .offset = offsetof(struct settings, offset),
     .help = "any number | even a negative one"},
    {.flag = "--redis-url", .variable = "T_URL", .type = OPTION_SECRET, .offset = offsetof(struct settings, url),
     .fallback = "redis://user:hunter2@localhost", .value = "URL", .help = "where Redis is"},
    {.variable = "T_URL_FILE", .type = OPTION_FILE_OF, .help = "file that holds it"},
    {.flag = "--format", .variable = "T_FORMAT", .type = OPTION_CHOICE, .offset = offsetof(struct settings, format),
     .fallback = "table", .choices = "table json jsonl", .help = "how it is written"},
    {.flag = "--claim-idle", .variable = "T_IDLE", .type = OPTION_DURATION, .offset = offsetof(struct settings, idle_ms),
     .fallback = "60s", .minimum = 100, .maximum = 3600000, .help = "when entries of others are taken over"},
    {.variable = "T_KEEP", .type = OPTION_DURATION, .offset = offsetof(struct settings, keep_ms),
     .help = "how long"},
    {.flag = "--room", .variable = "T_ROOM", .type = OPTION_BYTES, .offset = offsetof(struct settings, room_bytes),
     .fallback = "1MiB", .minimum = 4096, .maximum = 1073741824, .help = "how much"},
    {.variable = "T_MORE", .type = OPTION_BYTES, .offset = offsetof(struct settings, more_bytes), .minimum = 1024,
     .maximum = INT64_MAX, .help = "how much more"},
    {.variable = "T_ENABLED", .type = OPTION_BOOLEAN, .offset = offsetof(struct settings, enabled), .fallback = "yes",
     .help = "apply at all"},
    {.flag = "--once", .type = OPTION_BOOLEAN, .offset = offsetof(struct settings, once), .help = "one turn only"},
};
/* clang-format on */

const struct options_table settings_table = {"test", specs, sizeof specs / sizeof specs[0]};

int settings_set_up(void **state)
{
    static struct settings_fixture fixture;

    fixture = (struct settings_fixture){.path = "/tmp/taskledger-options-XXXXXX"};
    *state = &fixture;
    for (size_t i = 0; i < settings_table.count; i++)
        if (specs[i].variable != NULL)
            unsetenv(specs[i].variable);

    int file = mkstemp(fixture.path);
    if (file >= 0)
        close(file);
    return file < 0 ? -1 : 0;
}

int settings_tear_down(void **state)
{
    struct settings_fixture *fixture = *state;

    return unlink(fixture->path);
}

bool settings_from_environment(struct settings_fixture *fixture)
{
    return options_from_environment(&settings_table, &fixture->settings, &fixture->error);
}

static void give(struct settings_fixture *fixture, const char *arguments)
{
    char *rest = fixture->line;

    snprintf(fixture->line, sizeof fixture->line, "program %s", arguments);
    fixture->argc = 0;
    for (char *word = strtok_r(rest, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        fixture->argv[fixture->argc++] = word;
    fixture->argv[fixture->argc] = NULL;
}

bool settings_from_arguments(struct settings_fixture *fixture, bool stop_at_word, const char *arguments)
{
    give(fixture, arguments);
    return options_from_arguments(&settings_table, &fixture->settings, stop_at_word, &fixture->argc, fixture->argv,
                                  &fixture->error);
}

static void assert_error(const struct error *error, const char *reason, const char *text)
{
    assert_string_equal(error->text, text);
    assert_string_equal(error->reason, reason);
    assert_int_equal(error->kind, ERROR_FATAL);
}

void settings_assert_usage(struct settings_fixture *fixture, const char *arguments, const char *text)
{
    assert_false(settings_from_arguments(fixture, false, arguments));
    assert_error(&fixture->error, "usage", text);
}

void settings_assert_config(struct settings_fixture *fixture, const char *variable, const char *value, const char *text)
{
    setenv(variable, value, 1);
    assert_false(settings_from_environment(fixture));
    assert_error(&fixture->error, "config", text);
    unsetenv(variable);
}
