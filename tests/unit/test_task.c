#include "producer/taskledger/producer.h"

#include "proto/event.h"
#include "tests/support/fake_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ENOUGH_MS = 10000 };

static struct taskledger_producer *producer;
static struct arena arena;

static int setup(void **state)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;

    (void)state;
    fake_line_reset();
    arena_init(&arena, 0);
    options.spool = TASKLEDGER_SPOOL_OFF;
    producer = taskledger_open(&options, NULL, 0);
    return producer == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    taskledger_close(producer, 0);
    arena_close(&arena);
    return 0;
}

static struct taskledger_task *begin(void)
{
    struct taskledger_task *task = taskledger_task_begin(producer, "task", "name", 2);

    assert_non_null(task);
    return task;
}

/* What was said of the task: the number-th, counted from 0; ProducerOpened is not one. */
static struct task_status said(size_t number)
{
    struct event event;
    struct error error;
    bool has_identity;

    assert_int_equal(taskledger_flush(producer, ENOUGH_MS), 0);
    assert_true(event_decode(fake_line_entry(number + 1)->payload, &event, &has_identity, &error));
    assert_int_equal(event.body, EVENT_TASK_STATUS);
    return event.task_status;
}

static size_t count_said(void)
{
    assert_int_equal(taskledger_flush(producer, ENOUGH_MS), 0);
    return fake_line_count() - 1;
}

static void assert_said(size_t number, enum status status, const char *step, double progress)
{
    struct task_status task = said(number);

    assert_true(slice_equal(task.task_id, slice_from_text("task")));
    assert_true(slice_equal(task.task_name, slice_from_text("name")));
    assert_int_equal(task.status, status);
    assert_true(slice_equal(task.step, slice_from_text(step)));
    assert_int_equal(task.has_progress, progress >= 0.0);
    assert_true(!task.has_progress || task.progress == progress);
}

static void a_task_remembers_its_step_and_progress(void **state)
{
    struct taskledger_task *task = begin();

    (void)state;
    taskledger_task_step(task, "load");
    taskledger_task_progress(task, 0.25, "a quarter");
    taskledger_task_step(task, "render");
    taskledger_task_end(task, TASKLEDGER_PARTIAL_FAILURE, "{\"failed\":2}");
    assert_said(0, STATUS_RUNNING, "", -1.0);
    assert_said(1, STATUS_RUNNING, "load", -1.0);
    assert_said(2, STATUS_RUNNING, "load", 0.25);
    assert_said(3, STATUS_RUNNING, "render", 0.25);
    assert_said(4, STATUS_PARTIAL_FAILURE, "render", 0.25);
    assert_true(slice_equal(said(2).message, slice_from_text("a quarter")));
    assert_true(slice_equal(said(4).data_json, slice_from_text("{\"failed\":2}")));
}

static struct taskledger_event full_event(void)
{
    struct taskledger_event first = TASKLEDGER_EVENT_INIT;

    first.task_id = "task";
    first.task_name = "name";
    first.worker = "somebody";
    first.attempt = 4;
    first.queue = "mails";
    first.parent_task_id = "parent";
    first.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    first.step = "load";
    first.progress = 0.5;
    first.message = "once";
    first.data_json = "{\"once\":true}";
    return first;
}

static void a_task_begun_with_a_whole_event_keeps_what_all_have_in_common(void **state)
{
    struct taskledger_event first = full_event();
    struct taskledger_task *task = taskledger_task_begin_with(producer, &first);

    (void)state;
    taskledger_task_retry(task, "OSError", "disk full");
    taskledger_task_end(task, TASKLEDGER_CANCELLED, NULL);
    assert_said(0, STATUS_RUNNING, "load", 0.5);
    assert_said(1, STATUS_RETRY, "load", 0.5);
    assert_said(2, STATUS_CANCELLED, "", -1.0);
    for (unsigned i = 0; i < 3; i++) {
        struct task_status task_status = said(i);

        assert_true(slice_equal(task_status.worker, slice_from_text("somebody")));
        assert_int_equal(task_status.attempt, i < 2 ? 4 : 5);
        assert_true(slice_equal(task_status.queue, slice_from_text("mails")));
        assert_true(slice_equal(task_status.parent_task_id, slice_from_text("parent")));
        assert_true(slice_equal(task_status.traceparent, slice_from_text(first.traceparent)));
        assert_true(slice_equal(task_status.message, slice_from_text(i == 0 ? "once" : NULL)));
        assert_true(slice_equal(task_status.data_json, slice_from_text(i == 0 ? first.data_json : NULL)));
    }
}

static void a_task_may_begin_before_it_runs(void **state)
{
    struct taskledger_event first = full_event();

    (void)state;
    first.status = TASKLEDGER_QUEUED;
    taskledger_task_forget(taskledger_task_begin_with(producer, &first));
    assert_said(0, STATUS_QUEUED, "load", 0.5);
}

static void an_event_of_an_older_header_begins_a_task(void **state)
{
    struct taskledger_event first = full_event();

    (void)state;
    first.struct_size = offsetof(struct taskledger_event, worker);
    struct taskledger_task *task = taskledger_task_begin_with(producer, &first);
    taskledger_task_step(task, "render");
    taskledger_task_forget(task);
    assert_said(1, STATUS_RUNNING, "render", -1.0);
    assert_true(slice_equal(said(1).queue, slice_of(NULL, 0)));
}

static void success_is_the_step_completed(void **state)
{
    struct taskledger_task *task = begin();

    (void)state;
    taskledger_task_step(task, "render");
    taskledger_task_end(task, TASKLEDGER_SUCCESS, NULL);
    assert_said(2, STATUS_SUCCESS, "completed", -1.0);
}

static void a_failure_names_the_step_where_it_broke(void **state)
{
    struct taskledger_task *task = begin();

    (void)state;
    taskledger_task_step(task, "render");
    taskledger_task_fail(task, "OSError", "disk full", "at line 3");
    assert_said(2, STATUS_FAILURE, "render", -1.0);
    assert_true(slice_equal(said(2).error_type, slice_from_text("OSError")));
    assert_true(slice_equal(said(2).error_message, slice_from_text("disk full")));
    assert_true(slice_equal(said(2).error_traceback, slice_from_text("at line 3")));
}

static void a_retry_belongs_to_the_attempt_that_failed_and_begins_the_next(void **state)
{
    struct taskledger_task *task = begin();

    (void)state;
    taskledger_task_step(task, "render");
    taskledger_task_retry(task, "OSError", "disk full");
    taskledger_task_step(task, "load");
    taskledger_task_forget(task);
    assert_said(2, STATUS_RETRY, "render", -1.0);
    assert_int_equal(said(2).attempt, 2);
    assert_said(3, STATUS_RUNNING, "load", -1.0);
    assert_int_equal(said(3).attempt, 3);
}

static void what_was_refused_is_not_remembered(void **state)
{
    struct taskledger_task *task = begin();

    (void)state;
    assert_int_equal(taskledger_task_step(task, "\xff"), TASKLEDGER_INVALID);
    assert_int_equal(taskledger_task_progress(task, 2.0, NULL), TASKLEDGER_INVALID);
    assert_int_equal(taskledger_task_end(task, TASKLEDGER_CANCELLED, NULL), TASKLEDGER_ACCEPTED);
    assert_said(1, STATUS_CANCELLED, "", -1.0);
    assert_int_equal(count_said(), 2);
}

static void a_task_that_cannot_be_named_does_not_begin(void **state)
{
    (void)state;
    assert_null(taskledger_task_begin(producer, NULL, NULL, 1));
    assert_non_null(strstr(taskledger_invalid_reason(), "task_id"));
    assert_null(taskledger_task_begin(producer, "", NULL, 1));

    struct taskledger_event first = {.task_id = "task"};
    assert_null(taskledger_task_begin_with(producer, &first));
    assert_non_null(strstr(taskledger_invalid_reason(), "struct_size"));
    assert_null(taskledger_task_begin_with(producer, NULL));
    assert_null(taskledger_task_begin_with(NULL, &first));
}

static void a_forgotten_task_says_nothing(void **state)
{
    (void)state;
    taskledger_task_forget(begin());
    assert_int_equal(count_said(), 1);
}

static void a_task_that_did_not_begin_may_go_on(void **state)
{
    (void)state;
    assert_int_equal(taskledger_task_step(NULL, "step"), TASKLEDGER_CLOSED);
    assert_int_equal(taskledger_task_progress(NULL, 0.5, NULL), TASKLEDGER_CLOSED);
    assert_int_equal(taskledger_task_retry(NULL, NULL, NULL), TASKLEDGER_CLOSED);
    assert_int_equal(taskledger_task_fail(NULL, NULL, NULL, NULL), TASKLEDGER_CLOSED);
    assert_int_equal(taskledger_task_end(NULL, TASKLEDGER_SUCCESS, NULL), TASKLEDGER_CLOSED);
    taskledger_task_forget(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_task_remembers_its_step_and_progress),
        TEST(a_task_begun_with_a_whole_event_keeps_what_all_have_in_common),
        TEST(a_task_may_begin_before_it_runs),
        TEST(an_event_of_an_older_header_begins_a_task),
        TEST(success_is_the_step_completed),
        TEST(a_failure_names_the_step_where_it_broke),
        TEST(a_retry_belongs_to_the_attempt_that_failed_and_begins_the_next),
        TEST(what_was_refused_is_not_remembered),
        TEST(a_task_that_cannot_be_named_does_not_begin),
        TEST(a_forgotten_task_says_nothing),
        TEST(a_task_that_did_not_begin_may_go_on),
    };

    return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
