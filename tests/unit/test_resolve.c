/* resolve: names are looked up with a deadline, although getaddrinfo(3) has none. */
#include "proto/resolve.h"

#include "proto/redis_error.h"

#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHORT_MS = 30, LONG_MS = 20000 };

/* ---- a resolver of our own, in place of the C library's ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool stuck;
static int code;
static unsigned calls;
static unsigned freed;
static bool signals_blocked;

static struct addrinfo found = {.ai_family = AF_INET};

int getaddrinfo(const char *host, const char *port, const struct addrinfo *wanted, struct addrinfo **addresses)
{
    sigset_t mask;

    (void)host;
    (void)port;
    if (wanted->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    pthread_mutex_lock(&lock);
    signals_blocked = sigismember(&mask, SIGTERM) == 1;
    calls++;
    pthread_cond_broadcast(&changed);
    while (stuck)
        pthread_cond_wait(&changed, &lock);
    int answer = code;
    pthread_mutex_unlock(&lock);
    if (answer == 0)
        *addresses = &found;
    return answer;
}

void freeaddrinfo(struct addrinfo *addresses)
{
    assert_ptr_equal(addresses, &found);
    pthread_mutex_lock(&lock);
    freed++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void set_stuck(bool value)
{
    pthread_mutex_lock(&lock);
    stuck = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static unsigned count_freed(void)
{
    pthread_mutex_lock(&lock);
    unsigned count = freed;
    pthread_mutex_unlock(&lock);
    return count;
}

/* The last thing that a thread does with what is ours, when nobody waits for it any more. */
static void wait_until_freed(unsigned count)
{
    pthread_mutex_lock(&lock);
    while (freed < count)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static int begin(void **state)
{
    (void)state;
    pthread_mutex_lock(&lock);
    stuck = false;
    code = 0;
    calls = 0;
    freed = 0;
    pthread_mutex_unlock(&lock);
    return 0;
}

static struct deadline in_ms(int timeout_ms)
{
    return (struct deadline){.clock = clock_system(), .at_us = clock_deadline_us(clock_system(), timeout_ms)};
}

static bool look_up(struct resolve *resolve, const struct deadline *deadline, struct addrinfo **addresses,
                    struct error *error)
{
    return resolve_host(resolve, "redis.example", "6379", deadline, addresses, error);
}

/* ---- the stories ---- */

static void a_name_is_looked_up_off_the_callers_thread(void **state)
{
    struct resolve resolve = {{NULL}};
    struct deadline deadline = in_ms(LONG_MS);
    struct addrinfo *addresses = NULL;
    struct error error;

    (void)state;
    assert_true(look_up(&resolve, &deadline, &addresses, &error));
    assert_ptr_equal(addresses, &found);
    assert_true(signals_blocked);
    assert_null(resolve.lookups[0]);
    assert_int_equal(count_freed(), 0);
    resolve_close(&resolve);
}

static void a_name_that_is_not_there_may_be_there_later(void **state)
{
    struct resolve resolve = {{NULL}};
    struct deadline deadline = in_ms(LONG_MS);
    struct addrinfo *addresses = NULL;
    struct error error;

    (void)state;
    code = EAI_NONAME;
    assert_false(look_up(&resolve, &deadline, &addresses, &error));
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_true(redis_error_is(&error, "lookup"));

    code = 0;
    assert_true(look_up(&resolve, &deadline, &addresses, &error));
    assert_int_equal(calls, 2);
    resolve_close(&resolve);
}

static void a_resolver_that_hangs_is_given_up_and_joined_again(void **state)
{
    struct resolve resolve = {{NULL}};
    struct deadline soon = in_ms(SHORT_MS);
    struct deadline late = in_ms(LONG_MS);
    struct addrinfo *addresses = NULL;
    struct error error;

    (void)state;
    set_stuck(true);
    for (unsigned i = 0; i < 3; i++) {
        assert_false(look_up(&resolve, &soon, &addresses, &error));
        assert_true(redis_error_is(&error, "timeout"));
    }
    set_stuck(false);
    assert_true(look_up(&resolve, &late, &addresses, &error));
    assert_int_equal(calls, 1);
    resolve_close(&resolve);
}

/* What one name's server does not say must not keep another's from being asked; but there is an end to it. */
static void lookups_of_several_hosts_hang_side_by_side_up_to_a_bound(void **state)
{
    struct resolve resolve = {{NULL}};
    struct deadline soon = in_ms(1);
    struct deadline late = in_ms(LONG_MS);
    struct addrinfo *addresses = NULL;
    struct error error;

    (void)state;
    set_stuck(true);
    for (unsigned i = 0; i < 2 * RESOLVE_LOOKUPS_MAX; i++) {
        char host[] = {(char)('a' + i % RESOLVE_LOOKUPS_MAX), '\0'};

        assert_false(resolve_host(&resolve, host, "1", &soon, &addresses, &error));
        assert_true(redis_error_is(&error, "timeout"));
    }
    assert_false(look_up(&resolve, &soon, &addresses, &error));
    assert_true(redis_error_is(&error, "lookup"));
    assert_false(resolve_host(&resolve, "a", "2", &soon, &addresses, &error));
    assert_true(redis_error_is(&error, "lookup"));

    set_stuck(false);
    assert_true(resolve_host(&resolve, "b", "1", &late, &addresses, &error));
    assert_true(look_up(&resolve, &late, &addresses, &error));
    resolve_close(&resolve);
    wait_until_freed(RESOLVE_LOOKUPS_MAX - 1);
    assert_int_equal(calls, RESOLVE_LOOKUPS_MAX + 1);
}

static void a_lookup_can_be_canceled(void **state)
{
    struct resolve resolve = {{NULL}};
    struct deadline deadline = in_ms(LONG_MS);
    struct addrinfo *addresses = NULL;
    struct error error;

    (void)state;
    set_stuck(true);
    deadline.cancel_descriptor = eventfd(1, EFD_CLOEXEC);
    assert_false(look_up(&resolve, &deadline, &addresses, &error));
    assert_true(redis_error_is(&error, "canceled"));
    resolve_close(&resolve);
    set_stuck(false);
    wait_until_freed(1);
    close(deadline.cancel_descriptor);
}

/* Nobody waits any more: the thread itself cleans up (and the leak check at the end looks). */
static void a_lookup_that_was_left_frees_what_it_found(void **state)
{
    struct resolve resolve = {{NULL}};
    struct deadline soon = in_ms(SHORT_MS);
    struct addrinfo *addresses = NULL;
    struct error error;

    (void)state;
    set_stuck(true);
    assert_false(look_up(&resolve, &soon, &addresses, &error));
    resolve_close(&resolve);
    resolve_close(&resolve);
    assert_int_equal(count_freed(), 0);
    set_stuck(false);
    wait_until_freed(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_name_is_looked_up_off_the_callers_thread, begin),
        cmocka_unit_test_setup(a_name_that_is_not_there_may_be_there_later, begin),
        cmocka_unit_test_setup(a_resolver_that_hangs_is_given_up_and_joined_again, begin),
        cmocka_unit_test_setup(lookups_of_several_hosts_hang_side_by_side_up_to_a_bound, begin),
        cmocka_unit_test_setup(a_lookup_can_be_canceled, begin),
        cmocka_unit_test_setup(a_lookup_that_was_left_frees_what_it_found, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
