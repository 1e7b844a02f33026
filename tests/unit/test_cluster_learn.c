/* cluster_learn: whose word on who has what is believed, and when it is asked for again. */
#include "proto/cluster_map.h"
#include "proto/redis.h"
#include "tests/support/cluster_net.h"
#include "tests/support/redis_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PONG    CLUSTER_NET_PONG
#define NOTHING "*0\r\n"
#define TWO     "redis+cluster://127.0.0.1:%0,127.0.0.1:%1"
#define THREE   TWO ",127.0.0.1:%2"

/* A part of the slots, all of it the third node's. */
#define SLOTS_TO(last) "*1\r\n*3\r\n:0\r\n:" last "\r\n*2\r\n$9\r\n127.0.0.1\r\n:%2\r\n"

static void ask_and_hear(const char *key, const char *answer)
{
    cluster_net_append_get(key);
    cluster_net_send();
    cluster_net_assert_answer(answer);
}

/* ---- whose word counts ------------------------------------------------------------------------------------------- */

static void a_node_that_knows_no_slots_is_not_believed(void **state)
{
    static const char *const reset[] = {PONG, NOTHING, NULL};
    static const char *const knowing[] = {PONG, CLUSTER_NET_SHARED("%1", "%1"), "$1\r\n1\r\n", NULL};

    (void)state;
    cluster_net_prepare(0, reset);
    cluster_net_prepare(1, knowing);
    cluster_net_connect_to(TWO);
    ask_and_hear("a{0}", "1");
    assert_string_equal(redis_peer_heard(cluster_net.peers[0]), "PING\nCLUSTER SLOTS\n");
    assert_string_equal(redis_peer_heard(cluster_net.peers[1]), "PING\nCLUSTER SLOTS\nGET a{0}\n");
}

static void where_nobody_knows_any_slot_connecting_fails_and_may_work_later(void **state)
{
    static const char *const reset[] = {PONG, NOTHING, PONG, NOTHING, NULL};
    static const char *const then[] = {PONG, NOTHING, PONG, CLUSTER_NET_SHARED("%1", "%1"), "$1\r\n1\r\n", NULL};
    struct error error = {.kind = ERROR_NONE};
    const struct redis_options options = {.url = cluster_net.texts[2][0], .connect_timeout_ms = CLUSTER_NET_WAIT_MS};

    (void)state;
    cluster_net_prepare(0, reset);
    cluster_net_prepare(1, then);
    cluster_net_prepare(2, (const char *const[]){TWO, NULL});
    cluster_net.line = redis_new(&options, &error);
    assert_non_null(cluster_net.line);
    assert_false(redis_connect(cluster_net.line, &error));
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, "clusterdown");
    assert_true(redis_connect(cluster_net.line, &error));
    ask_and_hear("a{0}", "1");
}

static void of_two_that_do_not_know_all_the_third_is_asked_and_the_one_who_knows_more_is_believed(void **state)
{
    static const char *const less[] = {PONG, SLOTS_TO("5000"), NULL};
    static const char *const more[] = {PONG, SLOTS_TO("13907"), NULL};
    static const char *const third[] = {PONG, SLOTS_TO("10000"), "$1\r\n1\r\n", NULL};

    (void)state;
    cluster_net_prepare(0, less);
    cluster_net_prepare(1, more);
    cluster_net_prepare(2, third);
    cluster_net_connect_to(THREE);
    ask_and_hear("a{0}", "1"); /* in slot 13907 */
    assert_string_equal(redis_peer_heard(cluster_net.peers[2]), "PING\nCLUSTER SLOTS\nGET a{0}\n");
}

static void what_two_tell_alike_is_believed_though_slots_have_no_owner(void **state)
{
    static const char *const same[] = {PONG, SLOTS_TO("13907"), NULL};
    static const char *const third[] = {PONG, "$1\r\n1\r\n", NULL};

    (void)state;
    cluster_net_prepare(0, same);
    cluster_net_prepare(1, same);
    cluster_net_prepare(2, third);
    cluster_net_connect_to(THREE);
    ask_and_hear("a{0}", "1");
    assert_string_equal(redis_peer_heard(cluster_net.peers[2]), "PING\nGET a{0}\n");
}

/* ---- what is doubted --------------------------------------------------------------------------------------------- */

static void who_cannot_be_written_to_is_replaced_when_another_node_says_so(void **state)
{
    static const struct {
        const char *answer;
        const char *reason;
    } refusals[] = {
        {"-NOREPLICAS Not enough good replicas to write.\r\n", "noreplicas"},
        {"-CLUSTERDOWN The cluster is down\r\n", "clusterdown"},
        {"-LOADING Redis is loading\r\n", "loading"},
        {"-MASTERDOWN Link with MASTER is down\r\n", "masterdown"},
        {"-READONLY You can't write\r\n", "readonly"},
    };

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const char *const first[] = {PONG, CLUSTER_NET_HALVES, refusals[i].answer, NULL};
        static const char *const second[] = {PONG, CLUSTER_NET_SHARED("%2", "%1"), "$1\r\n2\r\n", NULL};
        static const char *const third[] = {PONG, "$1\r\n1\r\n", NULL};

        cluster_net_open(state);
        cluster_net_prepare(0, first);
        cluster_net_prepare(1, second);
        cluster_net_prepare(2, third);
        cluster_net_connect();
        cluster_net_append_get("a{2}");
        cluster_net_send();
        cluster_net_assert_refused(refusals[i].reason, "127.0.0.1:");
        assert_true(redis_is_connected(cluster_net.line));
        ask_and_hear("a{2}", "1");
        ask_and_hear("a{0}", "2");
        assert_string_equal(redis_peer_heard(cluster_net.peers[0]), "PING\nCLUSTER SLOTS\nGET a{2}\n");
        assert_string_equal(redis_peer_heard(cluster_net.peers[1]), "PING\nCLUSTER SLOTS\nGET a{0}\n");
        cluster_net_close(state);
    }
}

static void a_refusal_is_for_one_command_and_the_others_are_answered(void **state)
{
    static const char *const first[] = {PONG, CLUSTER_NET_HALVES, "-NOREPLICAS Not enough\r\n", "$1\r\n3\r\n", NULL};
    static const char *const second[] = {PONG, "$1\r\n1\r\n", "$1\r\n2\r\n", NULL};

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_connect();
    cluster_net_append_get("a{0}");
    cluster_net_append_get("a{2}");
    cluster_net_append_get("b{2}");
    cluster_net_append_get("b{0}");
    cluster_net_send();
    cluster_net_assert_answer("1");
    cluster_net_assert_refused("noreplicas", "NOREPLICAS");
    cluster_net_assert_answer("3");
    cluster_net_assert_answer("2");
    assert_true(redis_is_connected(cluster_net.line));
}

static void who_gave_reason_to_doubt_is_asked_last_at_the_next_connect_too(void **state)
{
    static const char *const first[] = {PONG, CLUSTER_NET_HALVES, "-CLUSTERDOWN The cluster is down\r\n", NULL};
    static const char *const second[] = {PONG, CLUSTER_NET_SHARED("%2", "%1"), NULL};
    static const char *const third[] = {PONG, "$1\r\n1\r\n", NULL};
    struct error error;

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_prepare(2, third);
    cluster_net_connect();
    cluster_net_append_get("a{2}");
    cluster_net_send();
    cluster_net_assert_refused("clusterdown", "CLUSTERDOWN");
    redis_disconnect(cluster_net.line);
    assert_true(redis_connect(cluster_net.line, &error));
    ask_and_hear("a{2}", "1");
    assert_string_equal(redis_peer_heard(cluster_net.peers[0]), "PING\nCLUSTER SLOTS\nGET a{2}\n");
}

/* ---- more nodes than there are places ---------------------------------------------------------------------------- */

enum { STRANGERS = CLUSTER_NODES_MAX - 2, STRANGERS_FROM = 8192 };

/* The first node has the lower half, others that are not there a slot each, the second the rest. */
static const char *tell_many(void)
{
    static char text[128 * CLUSTER_NODES_MAX];
    size_t used = (size_t)snprintf(text, sizeof text, "*%d\r\n*3\r\n:0\r\n:%d\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n",
                                   CLUSTER_NODES_MAX, STRANGERS_FROM - 1, redis_peer_port(cluster_net.peers[0]));

    for (int i = 0; i < STRANGERS; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "*3\r\n:%d\r\n:%d\r\n*2\r\n$11\r\n127.0.1.%03d\r\n:1\r\n",
                             STRANGERS_FROM + i, STRANGERS_FROM + i, i + 1);
    used += (size_t)snprintf(text + used, sizeof text - used, "*3\r\n:%d\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%u\r\n",
                             STRANGERS_FROM + STRANGERS, redis_peer_port(cluster_net.peers[1]));
    assert_true(used < sizeof text);
    return text;
}

static void who_has_met_as_many_nodes_as_there_are_places_meets_another_one(void **state)
{
    static const char *const first[] = {PONG, NOTHING, PONG, CLUSTER_NET_SHARED("%0", "%2"), NULL};
    static const char *const second[] = {PONG, "-CLUSTERDOWN The cluster is down\r\n", NULL};
    static const char *const third[] = {PONG, "$1\r\n1\r\n", "$1\r\n2\r\n", NULL};

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_prepare(2, third);
    cluster_net.answers[0][1].bytes = tell_many();
    cluster_net_connect();
    cluster_net_append_get("a{0}");
    cluster_net_send();
    cluster_net_assert_refused("clusterdown", "CLUSTERDOWN");
    ask_and_hear("a{0}", "1");
    ask_and_hear("b{0}", "2");
    assert_true(redis_is_connected(cluster_net.line));
    assert_int_equal(redis_nodes(cluster_net.line), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_node_that_knows_no_slots_is_not_believed, cluster_net_open,
                                        cluster_net_close),
        cmocka_unit_test_setup_teardown(where_nobody_knows_any_slot_connecting_fails_and_may_work_later,
                                        cluster_net_open, cluster_net_close),
        cmocka_unit_test_setup_teardown(
            of_two_that_do_not_know_all_the_third_is_asked_and_the_one_who_knows_more_is_believed, cluster_net_open,
            cluster_net_close),
        cmocka_unit_test_setup_teardown(what_two_tell_alike_is_believed_though_slots_have_no_owner, cluster_net_open,
                                        cluster_net_close),
        cmocka_unit_test(who_cannot_be_written_to_is_replaced_when_another_node_says_so),
        cmocka_unit_test_setup_teardown(a_refusal_is_for_one_command_and_the_others_are_answered, cluster_net_open,
                                        cluster_net_close),
        cmocka_unit_test_setup_teardown(who_has_met_as_many_nodes_as_there_are_places_meets_another_one,
                                        cluster_net_open, cluster_net_close),
        cmocka_unit_test_setup_teardown(who_gave_reason_to_doubt_is_asked_last_at_the_next_connect_too,
                                        cluster_net_open, cluster_net_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
