/* transport_gate: the library goes while threads are inside it, or come to it only then. Each end is that of a child;
 * time is false: it passes only while somebody naps. */
#include "proto/transport_gate.h"

#include "tests/support/false_time.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { GOOD, WENT_IN, GONE_TOO_EARLY, GONE_TOO_LATE, UNPREPARED, CHILD_S = 20 };

static atomic_bool is_inside;
static atomic_bool may_leave;

/* Who is kept outside for ever sleeps so. */
int __wrap_pause(void);

int __wrap_pause(void)
{
    _exit(GOOD);
}

static void *stay_inside(void *unused)
{
    transport_gate_enter();
    atomic_store(&is_inside, true);
    while (!atomic_load(&may_leave))
        sched_yield();
    atomic_store(&is_inside, false);
    transport_gate_leave();
    return unused;
}

static void send_inside(void)
{
    pthread_t thread;

    if (!transport_gate_watch() || pthread_create(&thread, NULL, stay_inside, NULL) != 0)
        _exit(UNPREPARED);
    pthread_detach(thread);
    while (!atomic_load(&is_inside))
        sched_yield();
}

static void let_leave(void)
{
    atomic_store(&may_leave, true);
    while (atomic_load(&is_inside))
        sched_yield();
}

static int ending_of(void (*child)(void))
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        alarm(CHILD_S);
        child();
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- the stories ---- */

static void come_when_it_is_gone(void)
{
    if (OPENSSL_init_ssl(0, NULL) != 1)
        _exit(UNPREPARED);
    OPENSSL_cleanup();
    if (!transport_gate_watch())
        _exit(UNPREPARED);
    transport_gate_enter();
    _exit(WENT_IN);
}

static void who_comes_when_the_library_is_gone_stays_outside(void **state)
{
    (void)state;
    assert_int_equal(ending_of(come_when_it_is_gone), GOOD);
}

static void come_again_when_it_is_gone(void)
{
    if (!transport_gate_watch())
        _exit(UNPREPARED);
    transport_gate_enter();
    transport_gate_leave();
    OPENSSL_cleanup();
    transport_gate_enter();
    _exit(WENT_IN);
}

static void who_was_inside_before_stays_outside_too(void **state)
{
    (void)state;
    assert_int_equal(ending_of(come_again_when_it_is_gone), GOOD);
}

static void go_while_somebody_is_inside(void)
{
    send_inside();
    false_time_during_nap = let_leave;
    OPENSSL_cleanup();
    _exit(atomic_load(&is_inside) ? GONE_TOO_EARLY : GOOD);
}

static void the_library_waits_for_who_is_inside(void **state)
{
    (void)state;
    assert_int_equal(ending_of(go_while_somebody_is_inside), GOOD);
}

static void go_while_somebody_stays_inside(void)
{
    int64_t start_ms = false_time_ms();

    send_inside();
    OPENSSL_cleanup();
    _exit(false_time_ms() - start_ms <= TRANSPORT_GATE_END_WAIT_MS + 1 ? GOOD : GONE_TOO_LATE);
}

static void the_library_does_not_wait_for_ever(void **state)
{
    (void)state;
    assert_int_equal(ending_of(go_while_somebody_stays_inside), GOOD);
}

#define IN_FALSE_TIME(story) cmocka_unit_test_setup_teardown(story, false_time_begin, false_time_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FALSE_TIME(who_comes_when_the_library_is_gone_stays_outside),
        IN_FALSE_TIME(who_was_inside_before_stays_outside_too),
        IN_FALSE_TIME(the_library_waits_for_who_is_inside),
        IN_FALSE_TIME(the_library_does_not_wait_for_ever),
    };

    return cmocka_run_group_tests_name("transport_gate", tests, NULL, NULL);
}
