/* settings: a program's options, one of each kind, and the few moves of a test that looks at them. */
#ifndef TASKLEDGER_TESTS_SUPPORT_SETTINGS_H
#define TASKLEDGER_TESTS_SUPPORT_SETTINGS_H

#include "proto/error.h"
#include "proto/options.h"

#include <stdbool.h>
#include <stdint.h>

enum { SETTINGS_ARGUMENTS_MAX = 16 };

struct settings {
    const char *stream;
    int64_t shards;
    int64_t offset;
    const char *url;
    const char *format;
    int64_t idle_ms;
    int64_t keep_ms;
    int64_t room_bytes;
    int64_t more_bytes;
    bool enabled;
    bool once;
};

extern const struct options_table settings_table;

struct settings_fixture {
    struct settings settings;
    struct error error;
    char *argv[SETTINGS_ARGUMENTS_MAX + 1];
    int argc;
    char line[512];
    char path[64]; /* an empty file */
};

/* For cmocka; `*state` becomes a struct settings_fixture. No variable of the table is set then. */
int settings_set_up(void **state);
int settings_tear_down(void **state);

bool settings_from_environment(struct settings_fixture *fixture);

/* The arguments as one text, cut at its spaces. */
bool settings_from_arguments(struct settings_fixture *fixture, bool stop_at_word, const char *arguments);

/* That they are refused, with this text. */
void settings_assert_usage(struct settings_fixture *fixture, const char *arguments, const char *text);

/* That the variable's value is refused, with this text. It is unset afterwards. */
void settings_assert_config(struct settings_fixture *fixture, const char *variable, const char *value,
                            const char *text);

#endif
