/* What the server takes of one request, and what of all of them. */
#include "consumer/http/listen.h"
#include "consumer/http/server.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A large answer is more than what sockets hold of it for a peer that takes nothing; the bound is one and a half. */
enum { PATIENCE_MS = 10 * 1000, TRIES = 10 * 1000, REPLY_BYTES = 64 * 1024, LARGE_BYTES = 16 * 1024 * 1024 };

/* How many pairs there were, and the last one's value. */
static void tell_query(struct server_exchange *exchange)
{
    char words[128];
    struct slice value = {.size = 0};
    unsigned pairs = 0;

    while (server_query(exchange, "a", pairs, &value))
        pairs++;
    snprintf(words, sizeof words, "%u pairs, the last one is %.*s", pairs, SLICE_PRINT(value));
    const struct server_answer answer = {.status = 200, .type = "text/plain", .body = slice_from_text(words)};
    server_answer(exchange, &answer);
}

static void serve(void *self, struct server_exchange *exchange)
{
    const struct server_answer large = {.status = 200, .type = "text/plain", .body = slice_of(self, LARGE_BYTES)};

    if (slice_equal(server_path(exchange), slice_from_text("/large")))
        server_answer(exchange, &large);
    else
        tell_query(exchange);
}

static int set_up(void **state)
{
    static char letters[LARGE_BYTES];
    const struct server_options options = {
        .listen = "127.0.0.1:0",
        .connections = 64,
        .timeout_s = 10,
        .memory_bytes = 8192,
        .answer_bytes = LARGE_BYTES + LARGE_BYTES / 2,
        .serve = serve,
        .self = letters,
    };
    struct error error;

    memset(letters, 'x', sizeof letters);

    *state = server_open(&options, &error);
    return *state == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    server_close(*state);
    return 0;
}

/* ---- the other side ---------------------------------------------------------------------------------------------- */

static int send_request(const struct server *server, const char *path)
{
    char request[1024];
    struct listen where;
    struct error error;
    int descriptor;
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);

    assert_true(size > 0 && (size_t)size < sizeof request);
    assert_true(listen_parse(server_address(server), &where, &error));
    assert_true(listen_connect(&where, PATIENCE_MS, &descriptor, &error));
    assert_int_equal(send(descriptor, request, (size_t)size, MSG_NOSIGNAL), size);
    return descriptor;
}

/* To its end. */
static void ask(const struct server *server, const char *path, char reply[REPLY_BYTES])
{
    int descriptor = send_request(server, path);
    size_t length = 0;
    ssize_t bytes;

    do {
        struct pollfd readable = {.fd = descriptor, .events = POLLIN};
        assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
        bytes = recv(descriptor, reply + length, REPLY_BYTES - 1 - length, 0);
        length += bytes > 0 ? (size_t)bytes : 0;
    } while (bytes > 0);
    reply[length] = '\0';
    close(descriptor);
}

/* The beginning of an answer; the rest is not taken. */
static void read_head(int descriptor, char head[REPLY_BYTES])
{
    size_t length = 0;

    for (head[0] = '\0'; strstr(head, "\r\n\r\n") == NULL; head[length] = '\0') {
        struct pollfd readable = {.fd = descriptor, .events = POLLIN};
        assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
        ssize_t bytes = recv(descriptor, head + length, 1, 0);
        assert_int_equal(bytes, 1);
        length++;
    }
}

static bool is_given(const struct server *server, const char *path)
{
    char head[REPLY_BYTES];
    int descriptor = send_request(server, path);

    read_head(descriptor, head);
    close(descriptor);
    return strstr(head, "HTTP/1.1 200 ") != NULL;
}

static void assert_holds(const char *reply, const char *words)
{
    if (strstr(reply, words) == NULL)
        fail_msg("no \"%s\" in: %s", words, reply);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void ask_pairs(const struct server *server, unsigned pairs, char reply[REPLY_BYTES])
{
    char path[512] = "/?a=1";
    size_t length = strlen(path);

    for (unsigned i = 2; i <= pairs; i++)
        length += (size_t)snprintf(path + length, sizeof path - length, "&a=%u", i);
    ask(server, path, reply);
}

static void no_pair_of_a_query_is_passed_over(void **state)
{
    char reply[REPLY_BYTES];

    ask_pairs(*state, SERVER_QUERY_MAX, reply);
    assert_holds(reply, "HTTP/1.1 200 ");
    assert_holds(reply, "64 pairs, the last one is 64");
    ask_pairs(*state, SERVER_QUERY_MAX + 1, reply);
    assert_holds(reply, "HTTP/1.1 400 ");
    assert_holds(reply, "the query has more than 64 pairs");
}

static void answers_that_nobody_takes_are_bounded_together(void **state)
{
    char reply[REPLY_BYTES];
    int idle = send_request(*state, "/large");
    int tries = 0;

    read_head(idle, reply);
    assert_holds(reply, "HTTP/1.1 200 ");
    ask(*state, "/large", reply);
    assert_holds(reply, "HTTP/1.1 503 ");
    assert_holds(reply, "Retry-After: 2\r\n");
    ask(*state, "/?a=1", reply);
    assert_holds(reply, "HTTP/1.1 200 ");
    close(idle);
    while (!is_given(*state, "/large"))
        assert_true(++tries < TRIES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_pair_of_a_query_is_passed_over),
        TEST(answers_that_nobody_takes_are_bounded_together),
    };

    return cmocka_run_group_tests_name("server_limits", tests, NULL, NULL);
}
