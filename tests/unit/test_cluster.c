/* cluster: commands go where their keys are, are said again where they are sent, and are answered in their order. */
#include "proto/cluster_slot.h"
#include "proto/redis.h"
#include "tests/support/cluster_net.h"
#include "tests/support/redis_peer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- where commands go ------------------------------------------------------------------------------------------- */

static void each_command_goes_to_the_node_of_its_key_and_answers_keep_their_order(void **state)
{
    static const char *const first[] = {CLUSTER_NET_PONG, CLUSTER_NET_HALVES, "$1\r\n2\r\n", "$1\r\n3\r\n", NULL};
    static const char *const second[] = {CLUSTER_NET_PONG, "$1\r\n1\r\n", "$1\r\n4\r\n", NULL};

    (void)state;
    assert_true(cluster_slot(slice_from_text("{0}")) >= 8192 && cluster_slot(slice_from_text("{2}")) < 8192);
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_connect();
    cluster_net_append_get("a{0}");
    cluster_net_append_get("b{2}");
    cluster_net_append_get("c{2}");
    cluster_net_append_get("d{0}");
    cluster_net_send();
    cluster_net_assert_answer("1");
    cluster_net_assert_answer("2");
    cluster_net_assert_answer("3");
    cluster_net_assert_answer("4");
    assert_string_equal(redis_peer_heard(cluster_net.peers[0]), "PING\nCLUSTER SLOTS\nGET b{2}\nGET c{2}\n");
    assert_string_equal(redis_peer_heard(cluster_net.peers[1]), "PING\nGET a{0}\nGET d{0}\n");
}

static void append_info(void)
{
    const struct slice words[] = {slice_from_text("INFO")};
    struct error error;

    if (!redis_append(cluster_net.line, REDIS_WORDS(words), &error))
        fail_msg("%s", error.text);
}

static void what_has_no_key_can_be_asked_of_each_node(void **state)
{
    static const char *const first[] = {CLUSTER_NET_PONG, CLUSTER_NET_HALVES, "$1\r\n1\r\n", "$1\r\n3\r\n", NULL};
    static const char *const second[] = {CLUSTER_NET_PONG, "$1\r\n2\r\n", NULL};
    char place[64];
    char expected[64];

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_connect();
    assert_int_equal(redis_nodes(cluster_net.line), 2);
    append_info();
    redis_turn_to(cluster_net.line, 1);
    append_info();
    cluster_net_append_get("b{2}");
    cluster_net_send();
    cluster_net_assert_answer("1");
    cluster_net_assert_answer("2");
    cluster_net_assert_answer("3");
    redis_describe_node(cluster_net.line, 1, place, sizeof place);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", redis_peer_port(cluster_net.peers[1]));
    assert_string_equal(place, expected);
}

/* ---- redirections ------------------------------------------------------------------------------------------------ */

static void a_slot_that_moved_is_followed_and_remembered(void **state)
{
    static const char *const first[] = {
        CLUSTER_NET_PONG, CLUSTER_NET_ALL_OF_FIRST,        "-MOVED 13907 127.0.0.1:%1\r\n",
        "$1\r\n2\r\n",    "-MOVED 13907 127.0.0.1:%1\r\n", NULL};
    static const char *const second[] = {CLUSTER_NET_PONG, "$1\r\n1\r\n", "$1\r\n3\r\n", "$1\r\n4\r\n", NULL};

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_connect();
    cluster_net_append_get("a{0}");
    cluster_net_append_get("b{2}");
    cluster_net_append_get("c{0}");
    cluster_net_send();
    cluster_net_assert_answer("1");
    cluster_net_assert_answer("2");
    cluster_net_assert_answer("3");
    cluster_net_append_get("d{0}");
    cluster_net_send();
    cluster_net_assert_answer("4");
    assert_string_equal(redis_peer_heard(cluster_net.peers[0]), "PING\nCLUSTER SLOTS\nGET a{0}\nGET b{2}\nGET c{0}\n");
    assert_string_equal(redis_peer_heard(cluster_net.peers[1]), "PING\nGET a{0}\nGET c{0}\nGET d{0}\n");
}

static void a_slot_that_is_on_its_way_is_asked_for_each_time(void **state)
{
    static const char *const first[] = {CLUSTER_NET_PONG, CLUSTER_NET_ALL_OF_FIRST, "-ASK 13907 :%1\r\n",
                                        "-ASK 13907 :%1\r\n", NULL};
    static const char *const second[] = {CLUSTER_NET_PONG, "+OK\r\n", "$1\r\n1\r\n", "+OK\r\n", "$1\r\n2\r\n", NULL};

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_connect();
    cluster_net_append_get("a{0}");
    cluster_net_send();
    cluster_net_assert_answer("1");
    cluster_net_append_get("b{0}");
    cluster_net_send();
    cluster_net_assert_answer("2");
    assert_string_equal(redis_peer_heard(cluster_net.peers[0]), "PING\nCLUSTER SLOTS\nGET a{0}\nGET b{0}\n");
    assert_string_equal(redis_peer_heard(cluster_net.peers[1]), "PING\nASKING\nGET a{0}\nASKING\nGET b{0}\n");
}

static bool on_string(void *self, const struct redis_place *place, struct slice text, size_t text_bytes)
{
    (void)place;
    (void)text_bytes;
    *(struct slice *)self = text;
    return true;
}

/* Who waits for it along with others sleeps on the socket, which knows nothing of it. */
static void an_answer_that_comes_together_with_that_to_asking_is_known_to_be_there(void **state)
{
    static const char *const first[] = {CLUSTER_NET_PONG, CLUSTER_NET_ALL_OF_FIRST, "-ASK 13907 :%1\r\n", NULL};
    static const char *const second[] = {CLUSTER_NET_PONG, "+OK\r\n$1\r\n1\r\n", NULL};
    struct slice said = {0};
    const struct redis_visitor visitor = {.on_string = on_string, .self = &said};
    struct error error = {.kind = ERROR_NONE};
    bool complete = true;

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_connect();
    cluster_net_append_get("a{0}");
    cluster_net_send();
    if (!redis_receive_part(cluster_net.line, &visitor, 1, 0, &complete, &error))
        fail_msg("%s", error.text);
    assert_false(complete);
    assert_true(redis_has_input(cluster_net.line));
    assert_true(redis_has_buffered(cluster_net.line));
    if (!redis_receive_part(cluster_net.line, &visitor, 1, 0, &complete, &error))
        fail_msg("%s", error.text);
    assert_true(complete);
    assert_true(slice_equal(said, slice_from_text("1")));
    assert_false(redis_has_input(cluster_net.line));
}

/* What people are shown of it is another matter: there it reads "an error answer that holds the password". */
static void a_redirection_that_happens_to_hold_the_password_is_followed(void **state)
{
    static const char *const first[] = {"+OK\r\n", CLUSTER_NET_PONG, CLUSTER_NET_ALL_OF_FIRST,
                                        "-MOVED 13907 127.0.0.1:%1\r\n", NULL};
    static const char *const second[] = {"+OK\r\n", CLUSTER_NET_PONG, "$1\r\n1\r\n", NULL};

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_connect_to("redis+cluster://:127@127.0.0.1:%0");
    cluster_net_append_get("a{0}");
    cluster_net_send();
    cluster_net_assert_answer("1");
}

static void who_is_sent_to_and_fro_gives_up_and_stays_connected(void **state)
{
    static const char *const first[] = {CLUSTER_NET_PONG, CLUSTER_NET_ALL_OF_FIRST, "-MOVED 13907 :%1\r\n",
                                        "$1\r\n2\r\n", NULL};
    static const char *const second[] = {CLUSTER_NET_PONG,
                                         "-MOVED 13907 :%2\r\n",
                                         CLUSTER_NET_PONG,
                                         "-MOVED 13907 :%2\r\n",
                                         CLUSTER_NET_PONG,
                                         "-MOVED 13907 :%2\r\n",
                                         NULL};
    static const char *const third[] = {CLUSTER_NET_PONG, "-MOVED 13907 :%1\r\n", CLUSTER_NET_PONG,
                                        "-MOVED 13907 :%1\r\n", NULL};

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_prepare(2, third);
    cluster_net_connect();
    cluster_net_append_get("a{0}");
    cluster_net_append_get("b{2}");
    cluster_net_send();
    cluster_net_assert_refused("moved", "MOVED 13907");
    assert_true(redis_is_connected(cluster_net.line));
    cluster_net_assert_answer("2");
}

/* ---- failing ----------------------------------------------------------------------------------------------------- */

static void an_error_answer_is_for_one_command_only_and_says_whose_it_is(void **state)
{
    static const char *const first[] = {CLUSTER_NET_PONG, CLUSTER_NET_HALVES, "-OOM command not allowed\r\n", NULL};
    static const char *const second[] = {CLUSTER_NET_PONG, "$1\r\n1\r\n", NULL};
    char place[32];

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_connect();
    cluster_net_append_get("a{2}");
    cluster_net_append_get("b{0}");
    cluster_net_send();
    snprintf(place, sizeof place, "127.0.0.1:%u: OOM", redis_peer_port(cluster_net.peers[0]));
    cluster_net_assert_refused("oom", place);
    cluster_net_assert_answer("1");
}

static void a_node_that_hangs_up_takes_the_line_down_and_all_that_was_on_it(void **state)
{
    static const char *const first[] = {CLUSTER_NET_PONG,         CLUSTER_NET_HALVES, "$1\r\n1\r\n", CLUSTER_NET_PONG,
                                        CLUSTER_NET_ALL_OF_FIRST, "$1\r\n2\r\n",      NULL};
    static const char *const second[] = {CLUSTER_NET_PONG, CLUSTER_NET_GONE, NULL};
    struct error error;

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_connect();
    cluster_net_append_get("b{2}");
    cluster_net_append_get("a{0}");
    cluster_net_append_get("c{0}");
    cluster_net_send();
    cluster_net_assert_answer("1");
    cluster_net_assert_refused("connection", "127.0.0.1:");
    assert_false(redis_is_connected(cluster_net.line));
    cluster_net_assert_refused("connection", "not connected");

    if (!redis_connect(cluster_net.line, &error))
        fail_msg("%s", error.text);
    cluster_net_append_get("a{0}");
    cluster_net_send();
    cluster_net_assert_answer("2");
}

/* ---- forking ----------------------------------------------------------------------------------------------------- */

static bool is_open(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0;
}

/* Exits with how many of these are open when all is abandoned. */
static int abandon_in_child(const int descriptors[2])
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        redis_abandon(cluster_net.line);
        _exit(is_open(descriptors[0]) + is_open(descriptors[1]));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_child_leaves_all_links_to_its_parent(void **state)
{
    static const char *const first[] = {CLUSTER_NET_PONG, CLUSTER_NET_HALVES, "$1\r\n1\r\n", NULL};
    static const char *const second[] = {CLUSTER_NET_PONG, "$1\r\n2\r\n", NULL};
    int descriptors[2];

    (void)state;
    cluster_net_prepare(0, first);
    cluster_net_prepare(1, second);
    cluster_net_connect();
    cluster_net_append_get("b{2}");
    cluster_net_append_get("a{0}");
    cluster_net_send();
    descriptors[0] = redis_descriptor(cluster_net.line);
    cluster_net_assert_answer("1");
    descriptors[1] = redis_descriptor(cluster_net.line);
    assert_int_not_equal(descriptors[0], descriptors[1]);
    assert_true(is_open(descriptors[0]) && is_open(descriptors[1]));
    assert_int_equal(abandon_in_child(descriptors), 0);
    cluster_net_assert_answer("2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_command_goes_to_the_node_of_its_key_and_answers_keep_their_order,
                                        cluster_net_open, cluster_net_close),
        cmocka_unit_test_setup_teardown(what_has_no_key_can_be_asked_of_each_node, cluster_net_open, cluster_net_close),
        cmocka_unit_test_setup_teardown(a_slot_that_moved_is_followed_and_remembered, cluster_net_open,
                                        cluster_net_close),
        cmocka_unit_test_setup_teardown(a_slot_that_is_on_its_way_is_asked_for_each_time, cluster_net_open,
                                        cluster_net_close),
        cmocka_unit_test_setup_teardown(an_answer_that_comes_together_with_that_to_asking_is_known_to_be_there,
                                        cluster_net_open, cluster_net_close),
        cmocka_unit_test_setup_teardown(a_redirection_that_happens_to_hold_the_password_is_followed, cluster_net_open,
                                        cluster_net_close),
        cmocka_unit_test_setup_teardown(who_is_sent_to_and_fro_gives_up_and_stays_connected, cluster_net_open,
                                        cluster_net_close),
        cmocka_unit_test_setup_teardown(an_error_answer_is_for_one_command_only_and_says_whose_it_is, cluster_net_open,
                                        cluster_net_close),
        cmocka_unit_test_setup_teardown(a_node_that_hangs_up_takes_the_line_down_and_all_that_was_on_it,
                                        cluster_net_open, cluster_net_close),
        cmocka_unit_test_setup_teardown(a_child_leaves_all_links_to_its_parent, cluster_net_open, cluster_net_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
