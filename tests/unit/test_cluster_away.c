/* cluster: with nodes_fail_alone, a node that is away is the affair of what is said to it. */
#include "proto/redis.h"
#include "tests/support/cluster_net.h"
#include "tests/support/redis_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PONG   CLUSTER_NET_PONG
#define GONE   CLUSTER_NET_GONE
#define SEEDS  "redis+cluster://127.0.0.1:%0"
#define NOBODY "1" /* a port that nobody listens on */
#define RESTS  "could not reach this node"

enum { SILENCE_MS = 500, TRIES_MAX = 1000, PAUSE_US = 10000 };

static void connect_line(int request_timeout_ms)
{
    const struct redis_options options = {.request_timeout_ms = request_timeout_ms, .nodes_fail_alone = true};

    cluster_net_connect_with(SEEDS, options);
}

static void append_all(const char *const *keys)
{
    for (; *keys != NULL; keys++)
        cluster_net_append_get(*keys);
    cluster_net_send();
}

/* ---- one of two -------------------------------------------------------------------------------------------------- */

static void who_hangs_up_loses_what_was_said_to_him_and_nothing_else(void **state)
{
    static const char *const first[] = {PONG, CLUSTER_NET_HALVES, "$1\r\n1\r\n", "$1\r\n3\r\n", NULL};
    static const char *const second[] = {PONG, GONE, NULL};
    static const char *const keys[] = {"b{2}", "a{0}", "c{2}", "d{0}", NULL};

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    connect_line(CLUSTER_NET_WAIT_MS);
    append_all(keys);
    cluster_net_assert_answer("1");
    cluster_net_assert_refused("connection", "127.0.0.1:");
    cluster_net_assert_answer("3");
    cluster_net_assert_refused("connection", "127.0.0.1:");
    assert_true(redis_is_connected(cluster_net.line));
}

/* His first answer is waited for; the others are given up with it. */
static void who_is_silent_is_waited_for_once(void **state)
{
    static const char *const first[] = {PONG, CLUSTER_NET_HALVES, "$1\r\n1\r\n", NULL};
    static const char *const second[] = {PONG, NULL};
    static const char *const keys[] = {"a{0}", "c{0}", "d{0}", "b{2}", NULL};

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    connect_line(SILENCE_MS);
    append_all(keys);
    cluster_net_assert_refused("timeout", "127.0.0.1:");
    cluster_net_assert_refused("timeout", "127.0.0.1:");
    assert_true(redis_has_input(cluster_net.line));
    cluster_net_assert_refused("timeout", "127.0.0.1:");
    cluster_net_assert_answer("1");
}

static void who_cannot_be_reached_rests_and_the_others_answer(void **state)
{
    static const char *const first[] = {
        PONG, CLUSTER_NET_SHARED("%0", NOBODY), PONG, CLUSTER_NET_SHARED("%0", NOBODY), "$1\r\n1\r\n", NULL};
    static const char *const keys[] = {"a{0}", "c{0}", "b{2}", NULL};

    (void)state;
    cluster_net_prepare(0, first);
    connect_line(CLUSTER_NET_WAIT_MS);
    append_all(keys);
    cluster_net_assert_refused("connection", "127.0.0.1:");
    assert_true(redis_is_connected(cluster_net.line));
    cluster_net_assert_refused("connection", "127.0.0.1:");
    cluster_net_assert_answer("1");
    assert_string_equal(redis_peer_heard(cluster_net.peers[0]), "PING\nCLUSTER SLOTS\nPING\nCLUSTER SLOTS\nGET b{2}\n");
}

static void who_is_loading_when_called_is_called_again_later(void **state)
{
    static const char *const first[] = {PONG, CLUSTER_NET_HALVES, PONG, CLUSTER_NET_HALVES, PONG, CLUSTER_NET_HALVES,
                                        PONG, CLUSTER_NET_HALVES, NULL};
    static const char *const second[] = {"-LOADING Redis is loading\r\n", PONG, "$1\r\n1\r\n", NULL};
    struct reply reply;
    struct error error;
    bool good = false;

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    connect_line(CLUSTER_NET_WAIT_MS);
    cluster_net_append_get("a{0}");
    cluster_net_send();
    cluster_net_assert_refused("loading", "127.0.0.1:");
    for (int i = 0; i < TRIES_MAX && !good; i++) {
        usleep(PAUSE_US);
        cluster_net_append_get("a{0}");
        cluster_net_send();
        good = redis_receive(cluster_net.line, &cluster_net.arena, 0, &reply, &error);
        assert_true(redis_is_connected(cluster_net.line));
    }
    assert_true(good);
    assert_string_equal(redis_peer_heard(cluster_net.peers[1]), "PING\nPING\nGET a{0}\n");
}

static void a_command_that_is_sent_to_who_is_away_fails_alone(void **state)
{
    static const char *const first[] = {PONG, CLUSTER_NET_ALL_OF_FIRST, "-MOVED 13907 127.0.0.1:" NOBODY "\r\n",
                                        "$1\r\n1\r\n", NULL};
    static const char *const keys[] = {"a{0}", "b{2}", NULL};

    (void)state;
    cluster_net_prepare(0, first);
    connect_line(CLUSTER_NET_WAIT_MS);
    append_all(keys);
    cluster_net_assert_refused("connection", "127.0.0.1:" NOBODY);
    cluster_net_assert_answer("1");
    assert_true(redis_is_connected(cluster_net.line));
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static void when_nobody_is_left_the_line_is_down(void **state)
{
    static const char *const only[] = {PONG, CLUSTER_NET_ALL_OF_FIRST, GONE, NULL};

    (void)state;
    cluster_net_prepare(0, only);
    connect_line(CLUSTER_NET_WAIT_MS);
    cluster_net_append_get("a{0}");
    cluster_net_send();
    cluster_net_assert_refused("connection", "127.0.0.1:");
    assert_false(redis_is_connected(cluster_net.line));
}

/* Its slots have moved to the third node, and that is away. */
static void who_serves_nothing_does_not_count(void **state)
{
    static const char *const first[] = {PONG, CLUSTER_NET_HALVES, PONG, CLUSTER_NET_SHARED("%2", "%2"), NULL};
    static const char *const second[] = {PONG, "-CLUSTERDOWN The cluster is down\r\n", NULL};
    static const char *const third[] = {PONG, GONE, NULL};

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_prepare(2, third);
    connect_line(CLUSTER_NET_WAIT_MS);
    cluster_net_append_get("a{0}");
    cluster_net_send();
    cluster_net_assert_refused("clusterdown", "CLUSTERDOWN");
    cluster_net_append_get("a{0}");
    cluster_net_send();
    cluster_net_assert_refused("connection", "127.0.0.1:");
    assert_false(redis_is_connected(cluster_net.line));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cluster_net_open, cluster_net_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_hangs_up_loses_what_was_said_to_him_and_nothing_else),
        TEST(who_is_silent_is_waited_for_once),
        TEST(who_cannot_be_reached_rests_and_the_others_answer),
        TEST(who_is_loading_when_called_is_called_again_later),
        TEST(a_command_that_is_sent_to_who_is_away_fails_alone),
        TEST(when_nobody_is_left_the_line_is_down),
        TEST(who_serves_nothing_does_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
