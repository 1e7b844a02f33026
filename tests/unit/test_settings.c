#include "producer/settings.h"

#include "proto/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct settings settings;
static struct error error;

static int teardown(void **state)
{
    static const char *const names[] = {
        "REDIS_URL",         "REDIS_URL_FILE",          "TASKLEDGER_STREAM",      "TASKLEDGER_SHARDS",
        "TASKLEDGER_WORKER", "TASKLEDGER_QUEUE_EVENTS", "TASKLEDGER_QUEUE_BYTES", "TASKLEDGER_ENABLED",
    };

    (void)state;
    settings_close(&settings);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
    return 0;
}

static void assert_refused(const struct taskledger_options *options, const char *text)
{
    assert_false(settings_init(&settings, options, &error));
    assert_int_equal(error.kind, ERROR_FATAL);
    if (strstr(error.text, text) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, text);
}

static void no_options_are_all_the_defaults(void **state)
{
    (void)state;
    assert_true(settings_init(&settings, NULL, &error));
    assert_string_equal(settings.redis_url, "redis://127.0.0.1:6379/0");
    assert_string_equal(settings.stream, "taskledger:events");
    assert_null(settings.worker);
    assert_int_equal(settings.shards, 1);
    assert_int_equal(settings.queue_events, 10000);
    assert_int_equal(settings.queue_bytes, 8 * 1024 * 1024);
    assert_int_equal(settings.connect_timeout_ms, 1000);
    assert_int_equal(settings.request_timeout_ms, 2000);
    assert_int_equal(settings.backoff_base_ms, 100);
    assert_int_equal(settings.backoff_cap_ms, 10000);
    assert_false(settings.disabled);
}

static void texts_are_copied_and_empty_ones_count_as_not_given(void **state)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    char stream[] = "mine";

    (void)state;
    options.stream = stream;
    options.worker = "";
    assert_true(settings_init(&settings, &options, &error));
    stream[0] = 'x';
    assert_string_equal(settings.stream, "mine");
    assert_null(settings.worker);
}

static void what_is_out_of_bounds_is_refused_by_name(void **state)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    char name[300];

    (void)state;
    options.shards = STREAM_SHARDS_MAX + 1;
    assert_refused(&options, "shards");
    options = (struct taskledger_options)TASKLEDGER_OPTIONS_INIT;
    options.queue_bytes = 1000;
    assert_refused(&options, "queue_bytes: expected 0 for the default, or 131072");
    options = (struct taskledger_options)TASKLEDGER_OPTIONS_INIT;
    options.queue_bytes = SIZE_MAX;
    assert_refused(&options, "queue_bytes");
    options = (struct taskledger_options)TASKLEDGER_OPTIONS_INIT;
    options.connect_timeout_ms = -1;
    assert_refused(&options, "connect_timeout_ms");

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    options = (struct taskledger_options)TASKLEDGER_OPTIONS_INIT;
    options.stream = name;
    assert_refused(&options, "stream: 299 bytes, at most 200");
    options = (struct taskledger_options)TASKLEDGER_OPTIONS_INIT;
    options.worker = name;
    assert_refused(&options, "worker: 299 bytes, at most 255");
    options.worker = "\xff";
    assert_refused(&options, "worker: byte 0 is not UTF-8");
    options = (struct taskledger_options)TASKLEDGER_OPTIONS_INIT;
    options.redis_url = "http://secret@host";
    assert_refused(&options, "redis://");
    assert_null(strstr(error.text, "secret"));
}

static void a_cap_below_the_base_is_raised_to_it(void **state)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    (void)state;
    options.backoff_base_ms = 500;
    options.backoff_cap_ms = 200;
    assert_true(settings_init(&settings, &options, &error));
    assert_int_equal(settings.backoff_cap_ms, 500);
}

static void a_worker_without_a_name_is_its_host_and_process(void **state)
{
    char worker[SETTINGS_WORKER_BYTES_MAX + 1];
    char expected[600];

    (void)state;
    assert_true(settings_init(&settings, NULL, &error));
    settings_worker(&settings, worker);
    snprintf(expected, sizeof expected, "%s:%d", settings.host, (int)getpid());
    assert_string_equal(worker, expected);

    memset(settings.host, 'h', SETTINGS_HOST_BYTES_MAX);
    settings_worker(&settings, worker);
    snprintf(expected, sizeof expected, "h:%d", (int)getpid());
    assert_non_null(strstr(worker, expected));
}

/* ---- the environment --------------------------------------------------------------------------------------------- */

static void the_environment_fills_what_was_not_given(void **state)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    (void)state;
    setenv("REDIS_URL", "redis://elsewhere", 1);
    setenv("TASKLEDGER_STREAM", "theirs", 1);
    setenv("TASKLEDGER_SHARDS", "4", 1);
    setenv("TASKLEDGER_WORKER", "w", 1);
    setenv("TASKLEDGER_QUEUE_EVENTS", "77", 1);
    setenv("TASKLEDGER_QUEUE_BYTES", "256KiB", 1);
    options.stream = "mine";
    assert_int_equal(taskledger_options_from_environment(&options, NULL, 0), 0);
    assert_string_equal(options.redis_url, "redis://elsewhere");
    assert_string_equal(options.stream, "mine");
    assert_string_equal(options.worker, "w");
    assert_int_equal(options.shards, 4);
    assert_int_equal(options.queue_events, 77);
    assert_int_equal(options.queue_bytes, 256 * 1024);
    assert_int_equal(options.disabled, 0);
}

static void an_empty_environment_changes_nothing(void **state)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    (void)state;
    assert_int_equal(taskledger_options_from_environment(&options, NULL, 0), 0);
    assert_null(options.redis_url);
    assert_int_equal(options.shards + options.queue_events + (uint32_t)options.disabled, 0);
}

static void the_environment_can_switch_the_producer_off(void **state)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    (void)state;
    setenv("TASKLEDGER_ENABLED", "0", 1);
    assert_int_equal(taskledger_options_from_environment(&options, NULL, 0), 0);
    assert_int_equal(options.disabled, 1);
}

static void a_wrong_value_is_told_and_changes_nothing(void **state)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    char reason[200];

    (void)state;
    setenv("REDIS_URL", "redis://elsewhere", 1);
    setenv("TASKLEDGER_SHARDS", "many", 1);
    assert_int_equal(taskledger_options_from_environment(&options, reason, sizeof reason), -1);
    assert_non_null(strstr(reason, "TASKLEDGER_SHARDS"));
    assert_null(options.redis_url);
    assert_int_equal(taskledger_options_from_environment(NULL, reason, sizeof reason), -1);
}

static void a_shorter_struct_of_an_older_caller_is_not_overrun(void **state)
{
    struct taskledger_options options = {.struct_size = offsetof(struct taskledger_options, shards), .shards = 77};

    (void)state;
    setenv("REDIS_URL", "redis://elsewhere", 1);
    setenv("TASKLEDGER_SHARDS", "4", 1);
    assert_int_equal(taskledger_options_from_environment(&options, NULL, 0), 0);
    assert_string_equal(options.redis_url, "redis://elsewhere");
    assert_int_equal(options.shards, 77);
    assert_true(settings_init(&settings, &options, &error));
    assert_int_equal(settings.shards, 1);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_options_are_all_the_defaults),
        TEST(texts_are_copied_and_empty_ones_count_as_not_given),
        TEST(what_is_out_of_bounds_is_refused_by_name),
        TEST(a_cap_below_the_base_is_raised_to_it),
        TEST(a_worker_without_a_name_is_its_host_and_process),
        TEST(the_environment_fills_what_was_not_given),
        TEST(an_empty_environment_changes_nothing),
        TEST(the_environment_can_switch_the_producer_off),
        TEST(a_wrong_value_is_told_and_changes_nothing),
        TEST(a_shorter_struct_of_an_older_caller_is_not_overrun),
    };

    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
