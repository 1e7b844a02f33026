/* lease: what is held belongs to one process. */
#include "producer/taskledger/lease.h"

#include "tests/support/fake_leases.h"
#include "tests/support/leasing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int code_of(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int live_in_child(struct taskledger_lease *inherited)
{
    if (taskledger_lease_is_held(inherited) || taskledger_lease_left_ms(inherited) != 0)
        return 1;
    if (taskledger_lease_wait(inherited, 0, NULL) != TASKLEDGER_AWAY || taskledger_lease_next_attempt(inherited) != 0)
        return 2;
    taskledger_lease_release(inherited);
    if (fake_leases_held("task") != 1)
        return 3;
    struct taskledger_lease *own = leasing_get_claim("own");
    if (!taskledger_lease_is_held(own))
        return 4;
    taskledger_lease_release(own);
    return taskledger_close(leasing, LEASING_ENOUGH_MS) == 0 && fake_leases_held("own") == 0 ? 0 : 5;
}

static void a_child_holds_nothing_of_its_parent(void **state)
{
    struct taskledger_lease *lease = leasing_get_claim("task");

    (void)state;
    pid_t child = fork();
    if (child == 0)
        _exit(live_in_child(lease));
    assert_int_equal(code_of(child), 0);
    assert_true(taskledger_lease_is_held(lease));
    taskledger_lease_release(lease);
    assert_true(fake_leases_wait_for_held("task", 0));
}

/* Set up before the library's own handler, so called behind it. */
static const char *watched;

static void look_at_exit(void)
{
    if (watched != NULL)
        _exit(fake_leases_held(watched) == 0 ? 0 : 1);
}

static void exit_gives_back_what_this_process_holds(void **state)
{
    struct taskledger_lease *lease = leasing_get_claim("task");

    (void)state;
    for (int holds = 0; holds < 2; holds++) {
        pid_t child = fork();
        if (child == 0) {
            watched = "own";
            if (holds)
                leasing_get_claim("own");
            exit(2);
        }
        assert_int_equal(code_of(child), 0);
    }
    assert_true(taskledger_lease_is_held(lease));
    taskledger_lease_release(lease);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_child_holds_nothing_of_its_parent, leasing_begin, leasing_end),
        cmocka_unit_test_setup_teardown(exit_gives_back_what_this_process_holds, leasing_begin, leasing_end),
    };

    atexit(look_at_exit);
    return cmocka_run_group_tests_name("lease_fork", tests, NULL, NULL);
}
