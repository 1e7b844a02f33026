/* Which RUNNING begins an attempt. */
#include "replay/web/feed/feed_starts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct feed_starts));
    return *state == NULL;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static bool note(struct feed_starts *starts, const char *task, enum status status, uint32_t attempt)
{
    const struct task_status said = {.task_id = slice_from_text(task), .status = status, .attempt = attempt};

    return feed_starts_note(starts, &said);
}

static bool progresses(struct feed_starts *starts, const char *task, double progress)
{
    const struct task_status said = {
        .task_id = slice_from_text(task), .status = STATUS_RUNNING, .has_progress = true, .progress = progress};

    return feed_starts_note(starts, &said);
}

static void an_attempt_begins_once(void **state)
{
    assert_false(note(*state, "a", STATUS_QUEUED, 1));
    assert_true(note(*state, "a", STATUS_RUNNING, 1));
    assert_false(note(*state, "a", STATUS_RUNNING, 1));
    assert_false(note(*state, "a", STATUS_RUNNING, 0)); /* which is 1 */
    assert_false(note(*state, "a", STATUS_RETRY, 1));
    assert_false(progresses(*state, "a", 0.5));
    assert_true(note(*state, "a", STATUS_RUNNING, 2));
    assert_true(note(*state, "b", STATUS_RUNNING, 1));
}

static void one_that_ended_begins_again_when_it_is_said_to_run(void **state)
{
    assert_true(note(*state, "a", STATUS_RUNNING, 1));
    assert_false(note(*state, "a", STATUS_SUCCESS, 1));
    assert_true(note(*state, "a", STATUS_RUNNING, 1));
    assert_false(note(*state, "never", STATUS_FAILURE, 1));
}

static void one_that_ran_before_we_looked_does_not_begin_by_its_progress(void **state)
{
    assert_false(progresses(*state, "a", 0.5));
    assert_false(note(*state, "a", STATUS_RUNNING, 1));
    assert_true(progresses(*state, "b", 0));
    assert_false(note(*state, "c", STATUS_RETRY, 1));
    assert_false(note(*state, "c", STATUS_RUNNING, 1));
}

static void many_are_remembered_at_the_same_time(void **state)
{
    enum { MANY = 20000 };
    unsigned again = 0;

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < MANY; i++) {
            char task[32];

            snprintf(task, sizeof task, "task-%d", i);
            bool begins = note(*state, task, STATUS_RUNNING, 1);
            assert_true(begins || round == 1);
            again += round == 1 && begins;
        }
    assert_true(again < MANY / 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_attempt_begins_once),
        TEST(one_that_ended_begins_again_when_it_is_said_to_run),
        TEST(one_that_ran_before_we_looked_does_not_begin_by_its_progress),
        TEST(many_are_remembered_at_the_same_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
