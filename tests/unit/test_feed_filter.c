/* Which events a client wants: alternatives of one name, all names together. */
#include "replay/web/feed/feed_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static bool add(struct feed_filter *filter, const char *name, const char *value, struct error *error)
{
    return feed_filter_add(filter, slice_from_text(name), slice_from_text(value), error);
}

static void take(struct feed_filter *filter, const char *name, const char *value)
{
    struct error error = {.kind = ERROR_NONE};

    if (!add(filter, name, value, &error))
        fail_msg("%s=%s: %s", name, value, error.text);
}

static void refuse(const char *name, const char *value)
{
    struct feed_filter filter = {.statuses = 0};
    struct error error = {.kind = ERROR_NONE};

    assert_false(add(&filter, name, value, &error));
    assert_int_equal(error.kind, ERROR_REJECTED);
    assert_string_equal(error.reason, "bad_request");
    assert_int_equal(filter.statuses, 0);
    feed_filter_close(&filter);
}

static bool matches(const struct feed_filter *filter, const char *task_id, const char *name, enum status status)
{
    const struct feed_subject subject = {
        .status = status, .task_id = slice_from_text(task_id), .task_name = slice_from_text(name)};

    return feed_filter_matches(filter, &subject);
}

static void no_condition_is_everything(void **state)
{
    const struct feed_filter filter = {.statuses = 0};

    (void)state;
    assert_true(matches(&filter, "t-1", "", STATUS_PENDING));
}

static void one_of_each_name_has_to_hold(void **state)
{
    struct feed_filter filter = {.statuses = 0};

    (void)state;
    take(&filter, "task", "a,b");
    take(&filter, "task", "c");
    take(&filter, "status", "running,RETRY");
    take(&filter, "status", "STATUS_FAILURE");
    take(&filter, "name", "report");
    assert_true(matches(&filter, "a,b", "report", STATUS_RUNNING));
    assert_true(matches(&filter, "c", "report", STATUS_RETRY));
    assert_true(matches(&filter, "c", "report", STATUS_FAILURE));
    assert_false(matches(&filter, "a", "report", STATUS_RUNNING));
    assert_false(matches(&filter, "c", "report", STATUS_SUCCESS));
    assert_false(matches(&filter, "c", "report2", STATUS_RUNNING));
    assert_false(matches(&filter, "c", "", STATUS_RUNNING));
    feed_filter_close(&filter);
    assert_true(matches(&filter, "x", "", STATUS_SUCCESS));
}

static void what_nobody_can_ask_for_is_refused(void **state)
{
    static char long_value[FEED_FILTER_VALUE_BYTES_MAX + 2];

    (void)state;
    memset(long_value, 'x', sizeof long_value - 1);
    refuse("colour", "red");
    refuse("status", "");
    refuse("status", "RUNNING,");
    refuse("status", "RUNNING,WALKING");
    refuse("task", "");
    refuse("task", long_value);
}

static void there_are_only_so_many_values(void **state)
{
    struct feed_filter filter = {.statuses = 0};
    struct error error = {.kind = ERROR_NONE};

    (void)state;
    for (int i = 0; i < FEED_FILTER_VALUES_MAX; i++)
        take(&filter, "task", "t");
    assert_false(add(&filter, "task", "t", &error));
    assert_string_equal(error.reason, "bad_request");
    feed_filter_close(&filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_condition_is_everything),
        cmocka_unit_test(one_of_each_name_has_to_hold),
        cmocka_unit_test(what_nobody_can_ask_for_is_refused),
        cmocka_unit_test(there_are_only_so_many_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
