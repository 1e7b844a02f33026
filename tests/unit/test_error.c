/* error: one line says what failed, why, and what to do. */
#include "proto/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_failure_is_one_line(void **state)
{
    struct error error = {.kind = ERROR_NONE};

    (void)state;
    assert_false(error_set(&error, ERROR_TRANSIENT, "timeout", "could not reach %s:%d", "cache", 6379));
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, "timeout");
    assert_string_equal(error.text, "could not reach cache:6379");
}

static void the_system_s_reason_stands_behind(void **state)
{
    struct error error;

    (void)state;
    errno = ENOENT;
    assert_false(error_set_errno(&error, ERROR_FATAL, "config", "cannot read \"%s\"", "/etc/x"));
    assert_int_equal(error.kind, ERROR_FATAL);
    assert_string_equal(error.text, "cannot read \"/etc/x\": No such file or directory");
}

static void context_goes_in_front_and_keeps_the_kind(void **state)
{
    struct error error;

    (void)state;
    error_set(&error, ERROR_REJECTED, "invalid", "too long");
    assert_false(error_wrap(&error, "event %d", 7));
    assert_false(error_wrap(&error, "batch"));
    assert_int_equal(error.kind, ERROR_REJECTED);
    assert_string_equal(error.reason, "invalid");
    assert_string_equal(error.text, "batch: event 7: too long");
}

static void texts_are_cut_and_never_overrun(void **state)
{
    char long_text[2 * ERROR_TEXT_MAX];
    struct error error;

    (void)state;
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';

    error_set(&error, ERROR_FATAL, "config", "%s", long_text);
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
    error_wrap(&error, "%s", long_text);
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
    errno = EPIPE;
    error_set_errno(&error, ERROR_FATAL, "config", "%s", long_text);
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);

    error_set(&error, ERROR_FATAL, "config", "%s", long_text);
    error_wrap(&error, "front");
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
    assert_memory_equal(error.text, "front: xxx", 10);
}

static void percent_signs_in_a_text_are_only_text(void **state)
{
    struct error error;

    (void)state;
    error_set(&error, ERROR_REJECTED, "invalid", "%s", "100%s%n");
    error_wrap(&error, "progress");
    assert_string_equal(error.text, "progress: 100%s%n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_is_one_line),
        cmocka_unit_test(the_system_s_reason_stands_behind),
        cmocka_unit_test(context_goes_in_front_and_keeps_the_kind),
        cmocka_unit_test(texts_are_cut_and_never_overrun),
        cmocka_unit_test(percent_signs_in_a_text_are_only_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
