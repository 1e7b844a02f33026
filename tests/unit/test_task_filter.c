/* task_filter: what may be asked for, and what then reaches the server. */
#include "replay/history/task_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state)
{
    static struct task_filter filter;

    task_filter_init(&filter);
    *state = &filter;
    return 0;
}

static int tear_down(void **state)
{
    task_filter_close(*state);
    return 0;
}

static void take(struct task_filter *filter, const char *words)
{
    struct error error = {.kind = ERROR_NONE};

    if (!task_filter_add_words(filter, words, &error))
        fail_msg("%s: %s", words, error.text);
}

static void refuse(struct task_filter *filter, const char *words, const char *reason)
{
    struct error error = {.kind = ERROR_NONE};

    assert_false(task_filter_add_words(filter, words, &error));
    assert_string_equal(error.reason, "usage");
    if (strstr(error.text, reason) == NULL)
        fail_msg("%s: %s", words, error.text);
}

/* Whether the bytes of a parameter hold these. */
static bool holds(const struct postgres_parameter *parameter, const char *value)
{
    return memmem(parameter->value.data, parameter->value.size, value, strlen(value)) != NULL;
}

static void a_column_without_a_condition_is_null(void **state)
{
    struct postgres_parameter parameters[TASK_FILTER_PARAMETERS];
    struct error error;

    take(*state, "worker=w1");
    assert_true(task_filter_finish(*state, parameters, &error));
    for (size_t i = 0; i < TASK_FILTER_PARAMETERS; i++)
        assert_int_equal(parameters[i].is_null, i != 4);
    assert_true(holds(&parameters[4], "w1"));
}

static void values_of_one_column_are_alternatives(void **state)
{
    struct postgres_parameter parameters[TASK_FILTER_PARAMETERS];
    struct error error;

    take(*state, "status=running");
    take(*state, "status=STATUS_RETRY");
    assert_true(task_filter_finish(*state, parameters, &error));
    assert_true(holds(&parameters[1], "RUNNING") && holds(&parameters[1], "RETRY"));
    assert_false(holds(&parameters[1], "STATUS_"));
}

static void a_value_may_hold_anything_or_nothing(void **state)
{
    struct postgres_parameter parameters[TASK_FILTER_PARAMETERS];
    struct error error;

    take(*state, "step=");
    take(*state, "message=a=b'; --");
    assert_true(task_filter_finish(*state, parameters, &error));
    assert_false(parameters[3].is_null);
    assert_true(holds(&parameters[8], "a=b'; --"));
}

static void moments_are_eight_bytes(void **state)
{
    struct postgres_parameter parameters[TASK_FILTER_PARAMETERS];
    struct error error;

    task_filter_between(*state, 1, INT64_MAX);
    assert_true(task_filter_finish(*state, parameters, &error));
    assert_int_equal(parameters[12].value.size, 8);
    assert_int_equal(postgres_read_time_us(parameters[12].value), 1);
    assert_true(parameters[13].is_null);
}

static void what_is_no_condition_is_refused(void **state)
{
    refuse(*state, "t-1", "expected FIELD=VALUE");
    refuse(*state, "stauts=RUNNING", "the nearest is status");
    refuse(*state, "name=x", "the nearest is task_name");
    refuse(*state, "=x", "no field");
    refuse(*state, "status=RUNING", "the nearest is RUNNING");
    refuse(*state, "status=", "no status");
    refuse(*state, "attempt=-1", "whole number");
    refuse(*state, "attempt=2147483648", "whole number");
    refuse(*state, "producer_id=0", "UUID");
    refuse(*state, "worker=\xff", "UTF-8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_column_without_a_condition_is_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_of_one_column_are_alternatives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_value_may_hold_anything_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(moments_are_eight_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_condition_is_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
