/* cluster: commands go where their keys are, are said again where they are sent, and are answered in their order. */
#include "proto/cluster_slot.h"
#include "proto/redis.h"
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

enum { PEERS = 3, ANSWERS_MAX = 16, TEXT_MAX = 128, WAIT_MS = 5000 };

#define PONG "+PONG\r\n"
#define GONE "" /* the connection ends */

/* Nodes, of which the first is the seed. In answers, %0, %1 and %2 are their ports. Each serves one connection at a
 * time: there is never more than one to any of them. */
static struct {
    struct redis_peer *peers[PEERS];
    struct redis_peer_answer answers[PEERS][ANSWERS_MAX];
    char texts[PEERS][ANSWERS_MAX][TEXT_MAX];
    struct redis *line;
    struct arena arena;
} net;

static void write_answer(char text[TEXT_MAX], const char *pattern)
{
    size_t used = 0;

    for (; *pattern != '\0'; pattern++) {
        bool is_port = *pattern == '%';

        if (is_port)
            pattern++;
        used += is_port
                    ? (size_t)snprintf(text + used, TEXT_MAX - used, "%u", redis_peer_port(net.peers[*pattern - '0']))
                    : (size_t)snprintf(text + used, TEXT_MAX - used, "%c", *pattern);
        assert_true(used < TEXT_MAX);
    }
}

static int open_net(void **state)
{
    (void)state;
    memset(&net, 0, sizeof net);
    arena_init(&net.arena, 0);
    for (size_t i = 0; i < PEERS; i++)
        net.peers[i] = redis_peer_start_on_port(net.answers[i], ANSWERS_MAX);
    return 0;
}

static int close_net(void **state)
{
    (void)state;
    redis_free(net.line);
    for (size_t i = 0; i < PEERS; i++)
        redis_peer_stop(net.peers[i]);
    arena_close(&net.arena);
    return 0;
}

/* Before anybody asks. */
static void prepare(size_t peer, const char *const *patterns)
{
    for (size_t i = 0; patterns[i] != NULL; i++) {
        write_answer(net.texts[peer][i], patterns[i]);
        net.answers[peer][i].bytes = net.texts[peer][i];
        net.answers[peer][i].hangs_up = strcmp(patterns[i], GONE) == 0;
    }
}

static void connect_line(void)
{
    char url[64];
    struct error error;

    snprintf(url, sizeof url, "redis+cluster://127.0.0.1:%u", redis_peer_port(net.peers[0]));
    const struct redis_options options = {
        .url = url,
        .connect_timeout_ms = WAIT_MS,
        .request_timeout_ms = WAIT_MS,
    };
    net.line = redis_new(&options, &error);
    assert_non_null(net.line);
    if (!redis_connect(net.line, &error))
        fail_msg("%s", error.text);
}

static void append_get(const char *key)
{
    const struct slice words[] = {slice_from_text("GET"), slice_from_text(key)};
    struct error error;

    if (!redis_append(net.line, REDIS_WORDS(words), &error))
        fail_msg("%s", error.text);
}

static void send_all(void)
{
    struct error error;

    if (!redis_send(net.line, &error))
        fail_msg("%s", error.text);
}

static void assert_answer(const char *expected)
{
    struct reply reply;
    struct error error;

    if (!redis_receive(net.line, &net.arena, 0, &reply, &error))
        fail_msg("%s", error.text);
    assert_int_equal(reply.type, REPLY_STRING);
    assert_true(slice_equal(reply.text, slice_from_text(expected)));
}

static void assert_refused(const char *reason, const char *words)
{
    struct reply reply;
    struct error error = {.kind = ERROR_NONE};

    assert_false(redis_receive(net.line, &net.arena, 0, &reply, &error));
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, reason);
    if (strstr(error.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.text, words);
}

/* ---- where commands go ------------------------------------------------------------------------------------------- */

/* 0 to 8191, and the rest. */
#define HALVES \
    "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$9\r\n127.0.0.1\r\n:%0\r\n*3\r\n:8192\r\n:16383\r\n*2\r\n$-1\r\n:%1\r\n"
#define ALL_OF_FIRST "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%0\r\n"

static void each_command_goes_to_the_node_of_its_key_and_answers_keep_their_order(void **state)
{
    static const char *const first[] = {PONG, HALVES, "$1\r\n2\r\n", "$1\r\n3\r\n", NULL};
    static const char *const second[] = {PONG, "$1\r\n1\r\n", "$1\r\n4\r\n", NULL};

    (void)state;
    assert_true(cluster_slot(slice_from_text("{0}")) >= 8192 && cluster_slot(slice_from_text("{2}")) < 8192);
    prepare(0, first);
    prepare(1, second);
    connect_line();
    append_get("a{0}");
    append_get("b{2}");
    append_get("c{2}");
    append_get("d{0}");
    send_all();
    assert_answer("1");
    assert_answer("2");
    assert_answer("3");
    assert_answer("4");
    assert_string_equal(redis_peer_heard(net.peers[0]), "PING\nCLUSTER SLOTS\nGET b{2}\nGET c{2}\n");
    assert_string_equal(redis_peer_heard(net.peers[1]), "PING\nGET a{0}\nGET d{0}\n");
}

static void append_info(void)
{
    const struct slice words[] = {slice_from_text("INFO")};
    struct error error;

    if (!redis_append(net.line, REDIS_WORDS(words), &error))
        fail_msg("%s", error.text);
}

static void what_has_no_key_can_be_asked_of_each_node(void **state)
{
    static const char *const first[] = {PONG, HALVES, "$1\r\n1\r\n", "$1\r\n3\r\n", NULL};
    static const char *const second[] = {PONG, "$1\r\n2\r\n", NULL};
    char place[64];
    char expected[64];

    (void)state;
    prepare(0, first);
    prepare(1, second);
    connect_line();
    assert_int_equal(redis_nodes(net.line), 2);
    append_info();
    redis_turn_to(net.line, 1);
    append_info();
    append_get("b{2}");
    send_all();
    assert_answer("1");
    assert_answer("2");
    assert_answer("3");
    redis_describe_node(net.line, 1, place, sizeof place);
    snprintf(expected, sizeof expected, "127.0.0.1:%u", redis_peer_port(net.peers[1]));
    assert_string_equal(place, expected);
}

/* ---- redirections ------------------------------------------------------------------------------------------------ */

static void a_slot_that_moved_is_followed_and_remembered(void **state)
{
    static const char *const first[] = {
        PONG, ALL_OF_FIRST, "-MOVED 13907 127.0.0.1:%1\r\n", "$1\r\n2\r\n", "-MOVED 13907 127.0.0.1:%1\r\n", NULL};
    static const char *const second[] = {PONG, "$1\r\n1\r\n", "$1\r\n3\r\n", "$1\r\n4\r\n", NULL};

    (void)state;
    prepare(0, first);
    prepare(1, second);
    connect_line();
    append_get("a{0}");
    append_get("b{2}");
    append_get("c{0}");
    send_all();
    assert_answer("1");
    assert_answer("2");
    assert_answer("3");
    append_get("d{0}");
    send_all();
    assert_answer("4");
    assert_string_equal(redis_peer_heard(net.peers[0]), "PING\nCLUSTER SLOTS\nGET a{0}\nGET b{2}\nGET c{0}\n");
    assert_string_equal(redis_peer_heard(net.peers[1]), "PING\nGET a{0}\nGET c{0}\nGET d{0}\n");
}

static void a_slot_that_is_on_its_way_is_asked_for_each_time(void **state)
{
    static const char *const first[] = {PONG, ALL_OF_FIRST, "-ASK 13907 :%1\r\n", "-ASK 13907 :%1\r\n", NULL};
    static const char *const second[] = {PONG, "+OK\r\n", "$1\r\n1\r\n", "+OK\r\n", "$1\r\n2\r\n", NULL};

    (void)state;
    prepare(0, first);
    prepare(1, second);
    connect_line();
    append_get("a{0}");
    send_all();
    assert_answer("1");
    append_get("b{0}");
    send_all();
    assert_answer("2");
    assert_string_equal(redis_peer_heard(net.peers[0]), "PING\nCLUSTER SLOTS\nGET a{0}\nGET b{0}\n");
    assert_string_equal(redis_peer_heard(net.peers[1]), "PING\nASKING\nGET a{0}\nASKING\nGET b{0}\n");
}

static void who_is_sent_to_and_fro_gives_up_and_stays_connected(void **state)
{
    static const char *const first[] = {PONG, ALL_OF_FIRST, "-MOVED 13907 :%1\r\n", "$1\r\n2\r\n", NULL};
    static const char *const second[] = {PONG, "-MOVED 13907 :%2\r\n", PONG, "-MOVED 13907 :%2\r\n",
                                         PONG, "-MOVED 13907 :%2\r\n", NULL};
    static const char *const third[] = {PONG, "-MOVED 13907 :%1\r\n", PONG, "-MOVED 13907 :%1\r\n", NULL};

    (void)state;
    prepare(0, first);
    prepare(1, second);
    prepare(2, third);
    connect_line();
    append_get("a{0}");
    append_get("b{2}");
    send_all();
    assert_refused("moved", "MOVED 13907");
    assert_true(redis_is_connected(net.line));
    assert_answer("2");
}

/* ---- failing ----------------------------------------------------------------------------------------------------- */

static void an_error_answer_is_for_one_command_only_and_says_whose_it_is(void **state)
{
    static const char *const first[] = {PONG, HALVES, "-OOM command not allowed\r\n", NULL};
    static const char *const second[] = {PONG, "$1\r\n1\r\n", NULL};
    char place[32];

    (void)state;
    prepare(0, first);
    prepare(1, second);
    connect_line();
    append_get("a{2}");
    append_get("b{0}");
    send_all();
    snprintf(place, sizeof place, "127.0.0.1:%u: OOM", redis_peer_port(net.peers[0]));
    assert_refused("oom", place);
    assert_answer("1");
}

static void a_node_that_hangs_up_takes_the_line_down_and_all_that_was_on_it(void **state)
{
    static const char *const first[] = {PONG, HALVES, "$1\r\n1\r\n", PONG, ALL_OF_FIRST, "$1\r\n2\r\n", NULL};
    static const char *const second[] = {PONG, GONE, NULL};
    struct error error;

    (void)state;
    prepare(0, first);
    prepare(1, second);
    connect_line();
    append_get("b{2}");
    append_get("a{0}");
    append_get("c{0}");
    send_all();
    assert_answer("1");
    assert_refused("connection", "127.0.0.1:");
    assert_false(redis_is_connected(net.line));
    assert_refused("connection", "not connected");

    if (!redis_connect(net.line, &error))
        fail_msg("%s", error.text);
    append_get("a{0}");
    send_all();
    assert_answer("2");
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
        redis_abandon(net.line);
        _exit(is_open(descriptors[0]) + is_open(descriptors[1]));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_child_leaves_all_links_to_its_parent(void **state)
{
    static const char *const first[] = {PONG, HALVES, "$1\r\n1\r\n", NULL};
    static const char *const second[] = {PONG, "$1\r\n2\r\n", NULL};
    int descriptors[2];

    (void)state;
    prepare(0, first);
    prepare(1, second);
    connect_line();
    append_get("b{2}");
    append_get("a{0}");
    send_all();
    descriptors[0] = redis_descriptor(net.line);
    assert_answer("1");
    descriptors[1] = redis_descriptor(net.line);
    assert_int_not_equal(descriptors[0], descriptors[1]);
    assert_true(is_open(descriptors[0]) && is_open(descriptors[1]));
    assert_int_equal(abandon_in_child(descriptors), 0);
    assert_answer("2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_command_goes_to_the_node_of_its_key_and_answers_keep_their_order, open_net,
                                        close_net),
        cmocka_unit_test_setup_teardown(what_has_no_key_can_be_asked_of_each_node, open_net, close_net),
        cmocka_unit_test_setup_teardown(a_slot_that_moved_is_followed_and_remembered, open_net, close_net),
        cmocka_unit_test_setup_teardown(a_slot_that_is_on_its_way_is_asked_for_each_time, open_net, close_net),
        cmocka_unit_test_setup_teardown(who_is_sent_to_and_fro_gives_up_and_stays_connected, open_net, close_net),
        cmocka_unit_test_setup_teardown(an_error_answer_is_for_one_command_only_and_says_whose_it_is, open_net,
                                        close_net),
        cmocka_unit_test_setup_teardown(a_node_that_hangs_up_takes_the_line_down_and_all_that_was_on_it, open_net,
                                        close_net),
        cmocka_unit_test_setup_teardown(a_child_leaves_all_links_to_its_parent, open_net, close_net),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
