/* gate: nobody is inside at the instant of a fork, and nobody waits for long for that to be so. Time is false where a
 * bound is tested: it passes only while somebody naps. */
#include "proto/gate.h"

#include "tests/support/false_time.h"

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
#include <unistd.h>

#include <cmocka.h>

enum { CHILD_S = 20, STORM_THREADS = 4, STORM_PASSES = 20 };

/* ---- somebody inside ---- */

static atomic_bool is_inside;
static atomic_bool may_leave;

static void *stay_inside(void *gate)
{
    gate_enter(*(enum gate *)gate);
    atomic_store(&is_inside, true);
    while (!atomic_load(&may_leave))
        sched_yield();
    atomic_store(&is_inside, false);
    gate_leave(*(enum gate *)gate);
    return NULL;
}

static pthread_t start(void *(*run)(void *), void *argument)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run, argument), 0);
    return thread;
}

static pthread_t send_inside(enum gate gate)
{
    static enum gate chosen;

    chosen = gate;
    atomic_store(&may_leave, false);
    pthread_t thread = start(stay_inside, &chosen);
    while (!atomic_load(&is_inside))
        sched_yield();
    return thread;
}

static void let_leave(pthread_t thread)
{
    atomic_store(&may_leave, true);
    pthread_join(thread, NULL);
}

/* ---- children ---- */

/* What `child` returns in a child. It says so and is killed: at a better end a sanitizer would miss the threads that
 * the child never had. */
static int fork_by(pid_t (*make)(void), int (*child)(void))
{
    int answer[2];
    char said = -1;

    assert_int_equal(pipe(answer), 0);
    pid_t pid = make();
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

static int enter_both_at_once(void)
{
    int64_t start_ms = false_time_ms();

    enter_both();
    return false_time_ms() == start_ms ? 8 : 9;
}

static int is_somebody_inside(void)
{
    return atomic_load(&is_inside) ? 1 : 0;
}

/* ---- the stories ---- */

static void a_gate_can_be_passed_again_and_again(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(enter_both(), 7);
}

static pthread_t who_is_inside;

static void let_who_is_inside_leave(void)
{
    false_time_during_nap = NULL;
    let_leave(who_is_inside);
}

static void a_fork_waits_for_who_is_inside(void **state)
{
    int64_t start_ms = false_time_ms();

    (void)state;
    who_is_inside = send_inside(GATE_LOOKUP);
    false_time_during_nap = let_who_is_inside_leave;
    assert_int_equal(fork_by(fork, is_somebody_inside), 0);
    assert_in_range(false_time_ms() - start_ms, 0, 1);
    assert_null(false_time_during_nap);
}

static void a_fork_waits_no_longer_than_its_patience_and_the_child_finds_the_gate_open(void **state)
{
    static const struct {
        enum gate gate;
        int64_t patience_ms;
    } cases[] = {
        {GATE_LOOKUP, GATE_LOOKUP_PATIENCE_MS}, {GATE_TLS, GATE_TLS_PATIENCE_MS}, {GATE_SPOOL, GATE_SPOOL_PATIENCE_MS}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        pthread_t thread = send_inside(cases[i].gate);
        int64_t start_ms = false_time_ms();

        assert_int_equal(fork_by(fork, enter_both), 7);
        assert_int_equal(false_time_ms() - start_ms, cases[i].patience_ms);
        let_leave(thread);
        assert_int_equal(enter_both(), 7);
    }
}

static void a_lookup_that_waits_for_a_dead_name_server_costs_later_forks_nothing(void **state)
{
    pthread_t thread = send_inside(GATE_LOOKUP);

    (void)state;
    false_time_pass_ms(GATE_LOOKUP_PATIENCE_MS);
    int64_t start_ms = false_time_ms();
    for (int i = 0; i < 10; i++)
        assert_int_equal(fork_by(fork, enter_both), 7);
    assert_int_equal(false_time_ms() - start_ms, 0);
    let_leave(thread);
}

/* ---- storms ---- */

/* Handlers run in the reverse of the order in which they were set up: this one, set up first, runs last and finds the
 * gate shut. */
static void (*during_fork)(void);

static void before_fork(void)
{
    if (during_fork != NULL)
        during_fork();
}

static atomic_bool is_over;

static void *fork_until_over(void *self)
{
    while (!atomic_load(&is_over)) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
    return self;
}

static void in_a_storm_of_forks_whoever_wants_in_gets_in(void **state)
{
    pthread_t lookup = send_inside(GATE_LOOKUP);
    pthread_t threads[STORM_THREADS];

    (void)state;
    atomic_store(&is_over, false);
    for (int i = 0; i < STORM_THREADS; i++)
        threads[i] = start(fork_until_over, NULL);
    for (int i = 0; i < STORM_PASSES; i++)
        assert_int_equal(enter_both(), 7);
    atomic_store(&is_over, true);
    for (int i = 0; i < STORM_THREADS; i++)
        pthread_join(threads[i], NULL);
    let_leave(lookup);
}

/* One forks; a second one comes who wants in, and then a third one who wants to fork, too. The second sleeps until the
 * third is at the gate, however long it takes the operating system to let them run. */
static _Thread_local bool is_second;
static atomic_bool second_naps;
static atomic_bool second_is_in;
static atomic_bool third_naps;
static atomic_bool third_has_passed;
static pthread_t second;
static pthread_t third;
static bool second_was_first;

static void wait_for_each_other(void)
{
    atomic_store(is_second ? &second_naps : &third_naps, true);
    if (is_second)
        while (!atomic_load(&third_naps) && !atomic_load(&third_has_passed))
            sched_yield();
    else
        while (!atomic_load(&second_is_in))
            sched_yield();
}

static void *be_second(void *self)
{
    is_second = true;
    gate_enter(GATE_TLS);
    atomic_store(&second_is_in, true);
    gate_leave(GATE_TLS);
    return self;
}

static void *be_third(void *self)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    return self;
}

static void let_third_pass(void)
{
    second_was_first = atomic_load(&second_is_in);
    atomic_store(&third_has_passed, true);
}

static void let_the_others_come(void)
{
    second = start(be_second, NULL);
    while (!atomic_load(&second_naps))
        sched_yield();
    during_fork = let_third_pass;
    third = start(be_third, NULL);
}

static void whoever_waits_for_a_fork_goes_in_before_the_next_one(void **state)
{
    (void)state;
    false_time_during_nap = wait_for_each_other;
    during_fork = let_the_others_come;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    pthread_join(second, NULL);
    pthread_join(third, NULL);
    false_time_during_nap = NULL;
    during_fork = NULL;
    assert_true(second_was_first);
}

static int64_t entering_ms;

static void *enter_during_a_fork(void *self)
{
    int64_t start_ms = false_time_ms();

    gate_enter(GATE_TLS);
    entering_ms = false_time_ms() - start_ms;
    gate_leave(GATE_TLS);
    return self;
}

static void wait_for_who_enters(void)
{
    pthread_join(start(enter_during_a_fork, NULL), NULL);
}

static void a_fork_that_takes_for_ever_keeps_nobody_out_for_ever(void **state)
{
    (void)state;
    during_fork = wait_for_who_enters;
    assert_int_equal(fork_by(fork, enter_both), 7);
    during_fork = NULL;
    assert_int_equal(entering_ms, GATE_ENTER_WAIT_MS);
}

static int bare_answer;

/* In the middle of a fork, with somebody inside. */
static void make_bare_child(void)
{
    bare_answer = fork_by(_Fork, enter_both_at_once);
}

static void a_child_that_no_handler_hears_of_finds_the_gate_open(void **state)
{
    pthread_t thread = send_inside(GATE_LOOKUP);

    (void)state;
    bare_answer = 0;
    during_fork = make_bare_child;
    assert_int_equal(fork_by(fork, enter_both), 7);
    during_fork = NULL;
    assert_int_equal(bare_answer, 8);
    let_leave(thread);
}

/* ---- the end ---- */

static int close_and_wait(void)
{
    int64_t start_ms = false_time_ms();

    gate_close(GATE_TLS, CHILD_S * 1000);
    gate_enter(GATE_LOOKUP);
    gate_leave(GATE_LOOKUP);
    return false_time_ms() == start_ms ? 3 : 4;
}

static void a_gate_that_nobody_is_inside_closes_at_once_and_leaves_the_other_open(void **state)
{
    (void)state;
    assert_int_equal(fork_by(fork, close_and_wait), 3);
}

#define IN_FALSE_TIME(story) cmocka_unit_test_setup_teardown(story, false_time_begin, false_time_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gate_can_be_passed_again_and_again),
        IN_FALSE_TIME(a_fork_waits_for_who_is_inside),
        IN_FALSE_TIME(a_fork_waits_no_longer_than_its_patience_and_the_child_finds_the_gate_open),
        IN_FALSE_TIME(a_lookup_that_waits_for_a_dead_name_server_costs_later_forks_nothing),
        cmocka_unit_test(in_a_storm_of_forks_whoever_wants_in_gets_in),
        IN_FALSE_TIME(whoever_waits_for_a_fork_goes_in_before_the_next_one),
        IN_FALSE_TIME(a_fork_that_takes_for_ever_keeps_nobody_out_for_ever),
        IN_FALSE_TIME(a_child_that_no_handler_hears_of_finds_the_gate_open),
        IN_FALSE_TIME(a_gate_that_nobody_is_inside_closes_at_once_and_leaves_the_other_open),
    };

    if (pthread_atfork(before_fork, NULL, NULL) != 0)
        return 1;
    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
