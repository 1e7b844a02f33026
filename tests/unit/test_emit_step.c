/* step: what a command says of itself reaches the run that runs it. */
#include "producer/emit/step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char task_id[64];
static struct step heard;

static int set_up(void **state)
{
    (void)state;
    snprintf(task_id, sizeof task_id, "step-%d", (int)getpid());
    step_open(&heard, task_id, 2);
    return heard.fd >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    step_close(&heard);
    return 0;
}

static struct taskledger_event saying(const char *step, double progress, const char *message)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;

    event.task_id = task_id;
    event.status = TASKLEDGER_RUNNING;
    event.attempt = 2;
    event.step = step;
    event.progress = progress;
    event.message = message;
    return event;
}

static void tell(struct taskledger_event event)
{
    step_tell(&event);
    step_hear(&heard);
}

static void assert_repeats(const char *step, double progress)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;

    step_repeat(&heard, &event);
    if (step == NULL)
        assert_null(event.step);
    else
        assert_string_equal(event.step, step);
    assert_true(event.progress >= progress && event.progress <= progress);
}

static void nothing_is_known_in_the_beginning(void **state)
{
    (void)state;
    step_hear(&heard);
    assert_repeats(NULL, -1.0);
    assert_null(heard.message);
}

static void what_was_told_last_is_repeated(void **state)
{
    (void)state;
    tell(saying("fetch", 0.25, NULL));
    assert_repeats("fetch", 0.25);
    tell(saying("render", -1.0, "12 of 30"));
    assert_repeats("render", -1.0);
    assert_string_equal(heard.message, "12 of 30");
    tell(saying(NULL, -1.0, NULL));
    assert_repeats(NULL, -1.0);
    assert_null(heard.message);
}

static void many_at_once_are_heard_in_order_as_far_as_there_is_room(void **state)
{
    struct taskledger_event event = saying("last", 1.0, NULL);

    (void)state;
    for (int i = 0; i < 5; i++)
        step_tell(
            &(struct taskledger_event){.task_id = task_id, .status = TASKLEDGER_RUNNING, .attempt = 2, .step = "no"});
    tell(event);
    assert_repeats("last", 1.0);
    for (int i = 0; i < 10000; i++)
        step_tell(&event); /* nobody waits */
}

static void another_attempt_another_task_and_an_end_are_not_taken(void **state)
{
    struct taskledger_event event = saying("zombie", 0.5, NULL);

    (void)state;
    tell(saying("render", 0.5, NULL));
    event.attempt = 1;
    tell(event);
    event.attempt = 2;
    event.task_id = "another";
    tell(event);
    event.task_id = task_id;
    event.status = TASKLEDGER_FAILURE;
    tell(event);
    assert_repeats("render", 0.5);
}

static void nonsense_is_passed_over(void **state)
{
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)state;
    tell(saying("render", 0.5, NULL));
    assert_int_equal(getsockname(heard.fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(sendto(fd, "", 0, 0, (struct sockaddr *)&address, size), 0);
    assert_int_equal(sendto(fd, "nonsense", 8, 0, (struct sockaddr *)&address, size), 8);
    close(fd);
    step_hear(&heard);
    assert_repeats("render", 0.5);
}

static void a_second_listener_hears_nothing_and_does_no_harm(void **state)
{
    struct step second;

    (void)state;
    step_open(&second, task_id, 2);
    assert_int_equal(second.fd, -1);
    step_hear(&second);
    step_close(&second);
    tell(saying("render", 0.5, NULL));
    assert_repeats("render", 0.5);
}

static void nobody_listens_and_nothing_happens(void **state)
{
    struct taskledger_event event = saying("render", 0.5, NULL);

    (void)state;
    event.attempt = 77;
    step_tell(&event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_known_in_the_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_told_last_is_repeated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_at_once_are_heard_in_order_as_far_as_there_is_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_attempt_another_task_and_an_end_are_not_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_second_listener_hears_nothing_and_does_no_harm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_listens_and_nothing_happens, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
