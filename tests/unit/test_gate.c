#include "proto/gate.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { CHILD_S = 20 };

static atomic_bool is_inside;
static atomic_bool may_leave;

static void *stay_inside(void *self)
{
    gate_enter(GATE_LOOKUP);
    atomic_store(&is_inside, true);
    while (!atomic_load(&may_leave))
        sched_yield();
    atomic_store(&is_inside, false);
    gate_leave(GATE_LOOKUP);
    return self;
}

static pthread_t send_inside(void)
{
    pthread_t thread;

    atomic_store(&may_leave, false);
    assert_int_equal(pthread_create(&thread, NULL, stay_inside, NULL), 0);
    while (!atomic_load(&is_inside))
        sched_yield();
    return thread;
}

static void let_leave(pthread_t thread)
{
    atomic_store(&may_leave, true);
    pthread_join(thread, NULL);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What `child` returns in a child. It says so and is killed: at a better end a sanitizer would miss the threads that the
 * child never had. */
static int fork_and(int (*child)(void))
{
    int answer[2];
    char said = -1;

    assert_int_equal(pipe(answer), 0);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(CHILD_S);
        said = (char)child();
        if (write(answer[1], &said, 1) == 1)
            raise(SIGKILL);
    }
    close(answer[1]);
    assert_int_equal(read(answer[0], &said, 1), 1);
    close(answer[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return said;
}

static int enter_both(void)
{
    gate_enter(GATE_LOOKUP);
    gate_enter(GATE_TLS);
    gate_leave(GATE_TLS);
    gate_leave(GATE_LOOKUP);
    return 7;
}

static int is_somebody_inside(void)
{
    return atomic_load(&is_inside) ? 1 : 0;
}

static void *leave_soon(void *self)
{
    struct timespec pause = {.tv_nsec = GATE_FORK_WAIT_MS * 1000000L / 10};

    nanosleep(&pause, NULL);
    atomic_store(&may_leave, true);
    return self;
}

static void a_gate_can_be_passed_again_and_again(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(enter_both(), 7);
}

static void a_fork_waits_for_who_is_inside(void **state)
{
    pthread_t other;
    pthread_t thread = send_inside();

    (void)state;
    assert_int_equal(pthread_create(&other, NULL, leave_soon, NULL), 0);
    assert_int_equal(fork_and(is_somebody_inside), 0);
    pthread_join(other, NULL);
    pthread_join(thread, NULL);
}

static void a_fork_does_not_wait_for_ever_and_the_child_finds_the_gate_open(void **state)
{
    pthread_t thread = send_inside();
    int64_t start_ms = now_ms();

    (void)state;
    assert_int_equal(fork_and(enter_both), 7);
    assert_in_range(now_ms() - start_ms, GATE_FORK_WAIT_MS, CHILD_S * 1000);
    let_leave(thread);
    assert_int_equal(enter_both(), 7);
}

static int close_and_wait(void)
{
    gate_close(GATE_TLS, CHILD_S * 1000);
    gate_enter(GATE_LOOKUP);
    gate_leave(GATE_LOOKUP);
    return 3;
}

static void a_gate_that_nobody_is_inside_closes_at_once_and_leaves_the_other_open(void **state)
{
    int64_t start_ms = now_ms();

    (void)state;
    assert_int_equal(fork_and(close_and_wait), 3);
    assert_in_range(now_ms() - start_ms, 0, CHILD_S * 1000 / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gate_can_be_passed_again_and_again),
        cmocka_unit_test(a_fork_waits_for_who_is_inside),
        cmocka_unit_test(a_fork_does_not_wait_for_ever_and_the_child_finds_the_gate_open),
        cmocka_unit_test(a_gate_that_nobody_is_inside_closes_at_once_and_leaves_the_other_open),
    };

    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
