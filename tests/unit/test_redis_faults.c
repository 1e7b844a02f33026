/* redis: servers that keep silent, hang up or answer too late, and callers that are told to stop. */
#include "proto/redis.h"

#include "proto/redis_error.h"
#include "tests/support/redis_peer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SHORT_MS = 40, LONG_MS = 20000 };

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define GREETING             \
    {                        \
        .bytes = "+PONG\r\n" \
    }

struct fixture {
    struct redis_peer *peer;
    struct redis *redis;
    struct arena arena;
    struct reply reply;
    struct error error;
};

static void open_fixture_with(struct fixture *fixture, const struct redis_peer_answer *answers, size_t count,
                              struct redis_options options)
{
    *fixture = (struct fixture){.peer = redis_peer_start(answers, count)};
    options.url = redis_peer_url(fixture->peer);
    options.connect_timeout_ms = LONG_MS;
    arena_init(&fixture->arena, 0);
    fixture->redis = redis_new(&options, &fixture->error);
    assert_non_null(fixture->redis);
}

static void open_fixture(struct fixture *fixture, const struct redis_peer_answer *answers, size_t count, int timeout_ms,
                         int cancel_descriptor)
{
    const struct redis_options options = {
        .request_timeout_ms = timeout_ms,
        .cancel_descriptor = cancel_descriptor,
    };

    open_fixture_with(fixture, answers, count, options);
}

static void close_fixture(struct fixture *fixture)
{
    redis_free(fixture->redis);
    arena_close(&fixture->arena);
    redis_peer_stop(fixture->peer);
}

static bool connects(struct fixture *fixture)
{
    return redis_connect(fixture->redis, &fixture->error);
}

static bool call(struct fixture *fixture, int extra_wait_ms)
{
    const struct slice words[] = {slice_from_text("PING")};

    return redis_append(fixture->redis, words, 1, &fixture->error) && redis_send(fixture->redis, &fixture->error) &&
           redis_receive(fixture->redis, &fixture->arena, extra_wait_ms, &fixture->reply, &fixture->error);
}

static void assert_lost(const struct fixture *fixture, const char *reason)
{
    if (!redis_error_is(&fixture->error, reason))
        fail_msg("%s: %s", fixture->error.reason, fixture->error.text);
    assert_int_equal(fixture->error.kind, ERROR_TRANSIENT);
    assert_false(redis_is_connected(fixture->redis));
}

static int64_t now_ms(void)
{
    return clock_system()->monotonic_us(NULL) / 1000;
}

static void a_silent_server_is_given_up_in_time(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, answers, COUNT(answers), SHORT_MS, 0);
    assert_true(connects(&fixture));
    int64_t start_ms = now_ms();
    assert_false(call(&fixture, 0));
    assert_lost(&fixture, "timeout");
    assert_in_range(now_ms() - start_ms, SHORT_MS, LONG_MS / 2);
    close_fixture(&fixture);
}

static void a_server_that_accepts_and_says_nothing_is_no_connection(void **state)
{
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, NULL, 0, SHORT_MS, 0);
    assert_false(connects(&fixture));
    assert_lost(&fixture, "timeout");
    close_fixture(&fixture);
}

static void an_answer_that_never_ends_is_given_up(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = "$100\r\nhalf of it"}};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, answers, COUNT(answers), SHORT_MS, 0);
    assert_true(connects(&fixture));
    assert_false(call(&fixture, 0));
    assert_lost(&fixture, "timeout");
    close_fixture(&fixture);
}

static void a_blocking_read_is_waited_for_longer(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, answers, COUNT(answers), SHORT_MS, 0);
    assert_true(connects(&fixture));
    int64_t start_ms = now_ms();
    assert_false(call(&fixture, 2 * SHORT_MS));
    assert_lost(&fixture, "timeout");
    assert_in_range(now_ms() - start_ms, 3 * SHORT_MS, LONG_MS / 2);
    close_fixture(&fixture);
}

/* An answer that comes after its deadline must not be taken for the answer to the next command. */
static void a_late_answer_is_never_anothers(void **state)
{
    const struct redis_peer_answer answers[] = {
        GREETING, {.bytes = "$4\r\nla"}, {.bytes = "+PONG\r\n"}, {.bytes = "$3\r\nnew\r\n"}};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, answers, COUNT(answers), SHORT_MS, 0);
    assert_true(connects(&fixture));
    assert_false(call(&fixture, 0));
    assert_lost(&fixture, "timeout");

    assert_true(connects(&fixture));
    assert_int_equal(redis_peer_connections(fixture.peer), 2);
    assert_true(call(&fixture, LONG_MS));
    assert_true(slice_equal(fixture.reply.text, slice_from_text("new")));
    close_fixture(&fixture);
}

static void a_server_that_hangs_up_is_an_error(void **state)
{
    const struct redis_peer_answer answers[] = {
        GREETING, {.bytes = "$10\r\n123", .hangs_up = true}, {.hangs_up = true}};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, answers, COUNT(answers), LONG_MS, 0);
    assert_true(connects(&fixture));
    assert_false(call(&fixture, 0));
    assert_lost(&fixture, "connection");
    assert_non_null(strstr(fixture.error.text, "closed the connection"));

    assert_false(connects(&fixture));
    assert_lost(&fixture, "connection");
    close_fixture(&fixture);
}

static void a_server_that_is_not_there_is_an_error(void **state)
{
    const struct redis_options options = {.url = "unix:///nowhere/at/all"};
    struct error error;
    struct redis *redis = redis_new(&options, &error);

    (void)state;
    assert_false(redis_connect(redis, &error));
    assert_true(redis_error_is(&error, "connection"));
    assert_string_equal(error.text, "unix:///nowhere/at/all: could not connect: No such file or directory");
    redis_free(redis);
}

/* The signal would end this process: its disposition is the default. */
static void writing_to_a_peer_that_is_gone_raises_no_signal(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING, {.hangs_up = true}};
    const struct slice words[] = {slice_from_text("PING")};
    struct fixture fixture;
    struct sigaction disposition;

    (void)state;
    sigaction(SIGPIPE, NULL, &disposition);
    assert_true(disposition.sa_handler == SIG_DFL);

    open_fixture(&fixture, answers, COUNT(answers), LONG_MS, 0);
    assert_true(connects(&fixture));
    bool good = true;
    for (unsigned i = 0; i < 1000000 && good; i++)
        good = redis_append(fixture.redis, words, 1, &fixture.error) && redis_send(fixture.redis, &fixture.error);
    assert_false(good);
    assert_lost(&fixture, "connection");
    close_fixture(&fixture);
}

static void a_peer_that_reads_nothing_holds_nobody_up(void **state)
{
    static char value[4 * 1024 * 1024];
    const struct slice words[] = {slice_from_text("SET"), slice_of(value, sizeof value)};
    const struct redis_peer_answer answers[] = {GREETING,
                                                {.fill_bytes = SIZE_MAX}}; /* writes for ever, so it never reads */
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, answers, COUNT(answers), 10 * SHORT_MS, 0);
    assert_true(connects(&fixture));
    assert_true(redis_append(fixture.redis, words, 1, &fixture.error) && redis_send(fixture.redis, &fixture.error));
    assert_true(redis_append(fixture.redis, words, 2, &fixture.error));
    assert_false(redis_send(fixture.redis, &fixture.error));
    assert_lost(&fixture, "timeout");
    close_fixture(&fixture);
}

static void a_wait_ends_when_it_is_canceled(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING};
    struct fixture fixture;
    int cancel = eventfd(0, EFD_CLOEXEC);

    (void)state;
    open_fixture(&fixture, answers, COUNT(answers), LONG_MS, cancel);
    assert_true(connects(&fixture));
    eventfd_write(cancel, 1);
    assert_false(call(&fixture, LONG_MS));
    assert_lost(&fixture, "canceled");
    close_fixture(&fixture);
    close(cancel);
}

static void only_a_wait_with_extra_time_is_woken(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = "+PONG\r\n"}};
    struct fixture fixture;
    int wake = eventfd(0, EFD_CLOEXEC);

    (void)state;
    open_fixture_with(&fixture, answers, COUNT(answers),
                      (struct redis_options){.request_timeout_ms = LONG_MS, .wake_descriptor = wake});
    eventfd_write(wake, 1);
    assert_true(connects(&fixture));
    assert_true(call(&fixture, 0));
    assert_false(call(&fixture, LONG_MS));
    assert_lost(&fixture, "canceled");
    close_fixture(&fixture);
    close(wake);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number)
{
    (void)number;
    alarms++;
}

/* Every 2 ms a signal, without SA_RESTART: each call of the kernel's is interrupted. */
static void signals_neither_end_a_wait_nor_lengthen_it(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING};
    const struct sigaction counting = {.sa_handler = count_alarm};
    const struct itimerval often = {.it_interval = {.tv_usec = 2000}, .it_value = {.tv_usec = 2000}};
    const struct itimerval never = {.it_value = {.tv_usec = 0}};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, answers, COUNT(answers), 3 * SHORT_MS, 0);
    assert_true(connects(&fixture));
    sigaction(SIGALRM, &counting, NULL);
    int64_t start_ms = now_ms();
    setitimer(ITIMER_REAL, &often, NULL);
    bool answered = call(&fixture, 0);
    setitimer(ITIMER_REAL, &never, NULL);

    assert_false(answered);
    assert_lost(&fixture, "timeout");
    assert_true(alarms > 0);
    assert_in_range(now_ms() - start_ms, 3 * SHORT_MS, LONG_MS / 2);
    close_fixture(&fixture);
}

/* Descriptors of this process that lead to a socket. */
static unsigned count_sockets(void)
{
    unsigned count = 0;

    for (int descriptor = 0; descriptor < 64; descriptor++) {
        char path[32];
        char target[64] = "";

        snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
        if (readlink(path, target, sizeof target - 1) > 0)
            count += strncmp(target, "socket:", 7) == 0;
    }
    return count;
}

static void a_forked_child_abandons_the_line_and_the_parent_goes_on(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = "+OK\r\n"}};
    struct fixture fixture;
    int status;

    (void)state;
    open_fixture(&fixture, answers, COUNT(answers), LONG_MS, 0);
    assert_true(connects(&fixture));

    pid_t child = fork();
    if (child == 0) {
        unsigned before = count_sockets();

        redis_abandon(fixture.redis);
        redis_abandon(fixture.redis);
        _exit(before - count_sockets() == 1 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(call(&fixture, 0));
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_server_is_given_up_in_time),
        cmocka_unit_test(a_server_that_accepts_and_says_nothing_is_no_connection),
        cmocka_unit_test(an_answer_that_never_ends_is_given_up),
        cmocka_unit_test(a_blocking_read_is_waited_for_longer),
        cmocka_unit_test(a_late_answer_is_never_anothers),
        cmocka_unit_test(a_server_that_hangs_up_is_an_error),
        cmocka_unit_test(a_server_that_is_not_there_is_an_error),
        cmocka_unit_test(writing_to_a_peer_that_is_gone_raises_no_signal),
        cmocka_unit_test(a_peer_that_reads_nothing_holds_nobody_up),
        cmocka_unit_test(a_wait_ends_when_it_is_canceled),
        cmocka_unit_test(only_a_wait_with_extra_time_is_woken),
        cmocka_unit_test(signals_neither_end_a_wait_nor_lengthen_it),
        cmocka_unit_test(a_forked_child_abandons_the_line_and_the_parent_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
