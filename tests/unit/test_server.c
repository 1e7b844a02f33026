/* The server, asked over real connections. */
#include "consumer/http/listen.h"
#include "consumer/http/server.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 10 * 1000, REPLY_BYTES = 64 * 1024, BODY_BYTES = 64 };

/* What the tests' handler knows: an exchange kept, and a stream of numbered letters. */
struct fixture {
    struct server *server;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct server_exchange *kept;
    struct server_exchange *stream;
    unsigned ready; /* bytes to be read */
    unsigned closed;
    bool ends;
    unsigned late; /* bytes that come while `read` says that there are none */
    unsigned answered;
    unsigned status; /* of the last answer */
};

static void note(void *self, unsigned status, int64_t after_us)
{
    struct fixture *fixture = self;

    assert_true(after_us >= 0 && after_us < INT64_C(1000) * PATIENCE_MS);
    pthread_mutex_lock(&fixture->lock);
    fixture->answered++;
    fixture->status = status;
    pthread_mutex_unlock(&fixture->lock);
}

static void answer(struct server_exchange *exchange, unsigned status, const char *words)
{
    struct server_header headers[] = {{"X-Kind", "test"}, {"X-Broken", "a\r\nb: c"}};
    struct server_answer answer = {
        .status = status, .type = "text/plain", .body = slice_from_text(words), .headers = headers, .header_count = 2};

    server_answer(exchange, &answer);
}

static long read_letters(void *self, char *buffer, size_t size)
{
    struct fixture *fixture = self;

    pthread_mutex_lock(&fixture->lock);
    size_t bytes = fixture->ready < size ? fixture->ready : size;
    fixture->ready -= (unsigned)bytes;
    bool is_over = bytes == 0 && fixture->ends;
    if (bytes == 0 && fixture->late > 0) {
        fixture->ready = fixture->late;
        fixture->late = 0;
        server_wake(fixture->stream);
    }
    pthread_mutex_unlock(&fixture->lock);
    memset(buffer, 'x', bytes);
    return is_over ? -1 : (long)bytes;
}

static void close_letters(void *self)
{
    struct fixture *fixture = self;

    pthread_mutex_lock(&fixture->lock);
    fixture->stream = NULL;
    fixture->closed++;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
}

static void open_stream(struct fixture *fixture, struct server_exchange *exchange)
{
    struct server_answer head = {.status = 200, .type = "text/event-stream"};

    pthread_mutex_lock(&fixture->lock);
    fixture->stream = exchange;
    pthread_cond_broadcast(&fixture->changed);
    pthread_mutex_unlock(&fixture->lock);
    server_stream(exchange, &head, (struct server_stream){read_letters, close_letters, fixture});
}

/* What was asked, as words: "GET /a%2Fb [1][x y] body", behind it the query's names: "(a)(b)". */
static void tell(struct server_exchange *exchange)
{
    char words[512];
    size_t length =
        (size_t)snprintf(words, sizeof words, "%s %.*s ", server_method(exchange), SLICE_PRINT(server_path(exchange)));
    struct slice value;

    for (size_t i = 0; server_query(exchange, "a", i, &value); i++)
        length += (size_t)snprintf(words + length, sizeof words - length, "[%.*s]", SLICE_PRINT(value));
    length += (size_t)snprintf(words + length, sizeof words - length, " %.*s", SLICE_PRINT(server_body(exchange)));
    for (size_t i = 0; server_query_name(exchange, i) != NULL; i++)
        length += (size_t)snprintf(words + length, sizeof words - length, "(%s)", server_query_name(exchange, i));
    assert_true(server_connections(exchange) >= 1);
    answer(exchange, 200, words);
}

static void serve(void *self, struct server_exchange *exchange)
{
    struct fixture *fixture = self;
    struct slice path = server_path(exchange);

    if (slice_equal(path, slice_from_text("/stream"))) {
        open_stream(fixture, exchange);
    } else if (slice_equal(path, slice_from_text("/later"))) {
        pthread_mutex_lock(&fixture->lock);
        fixture->kept = exchange;
        pthread_cond_broadcast(&fixture->changed);
        pthread_mutex_unlock(&fixture->lock);
    } else {
        tell(exchange);
    }
}

static int setup(void **state)
{
    static struct fixture fixture;
    struct server_options options = {.listen = "127.0.0.1:0",
                                     .connections = 64,
                                     .timeout_s = 10,
                                     .memory_bytes = 8192,
                                     .body_bytes = BODY_BYTES,
                                     .serve = serve,
                                     .answered = note,
                                     .self = &fixture};
    struct error error;

    memset(&fixture, 0, sizeof fixture);
    pthread_mutex_init(&fixture.lock, NULL);
    pthread_cond_init(&fixture.changed, NULL);
    fixture.server = server_open(&options, &error);
    *state = &fixture;
    return fixture.server == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    server_close(fixture->server);
    return 0;
}

/* ---- the other side ---------------------------------------------------------------------------------------------- */

static int send_request(const struct fixture *fixture, const char *request)
{
    struct listen where;
    struct error error;
    int descriptor;

    assert_true(listen_parse(server_address(fixture->server), &where, &error));
    assert_true(listen_connect(&where, PATIENCE_MS, &descriptor, &error));
    assert_int_equal(send(descriptor, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return descriptor;
}

/* Read until `words` came, or to the end for NULL. */
static void read_until(int descriptor, const char *words, char reply[REPLY_BYTES])
{
    size_t length = 0;

    for (reply[0] = '\0'; words == NULL || strstr(reply, words) == NULL;) {
        struct pollfd readable = {.fd = descriptor, .events = POLLIN};
        assert_int_equal(poll(&readable, 1, PATIENCE_MS), 1);
        ssize_t bytes = recv(descriptor, reply + length, REPLY_BYTES - 1 - length, 0);
        if (bytes <= 0 && words != NULL)
            fail_msg("no \"%s\" in: %s", words, reply);
        if (bytes <= 0)
            return;
        length += (size_t)bytes;
        reply[length] = '\0';
    }
}

static void ask(const struct fixture *fixture, const char *request, char reply[REPLY_BYTES])
{
    int descriptor = send_request(fixture, request);

    read_until(descriptor, NULL, reply);
    close(descriptor);
}

static void assert_holds(const char *reply, const char *words)
{
    if (strstr(reply, words) == NULL)
        fail_msg("no \"%s\" in: %s", words, reply);
}

static struct server_exchange *wait_for(struct fixture *fixture, struct server_exchange **exchange)
{
    pthread_mutex_lock(&fixture->lock);
    while (*exchange == NULL)
        pthread_cond_wait(&fixture->changed, &fixture->lock);
    struct server_exchange *found = *exchange;
    pthread_mutex_unlock(&fixture->lock);
    return found;
}

/* Under the lock, as close_letters takes it: the exchange cannot go meanwhile. */
static void give(struct fixture *fixture, unsigned bytes, bool ends)
{
    pthread_mutex_lock(&fixture->lock);
    fixture->ready += bytes;
    fixture->ends = ends;
    if (fixture->stream != NULL)
        server_wake(fixture->stream);
    pthread_mutex_unlock(&fixture->lock);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void a_path_is_left_encoded_and_a_query_is_decoded(void **state)
{
    char reply[REPLY_BYTES];

    ask(*state, "GET /a%2Fb?a=1&b=2&a=x+y%2B%26 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", reply);
    assert_holds(reply, "HTTP/1.1 200 ");
    assert_holds(reply, "X-Kind: test\r\n");
    assert_holds(reply, "\r\n\r\nGET /a%2Fb [1][x y+&] (a)(b)(a)");
    assert_null(strstr(reply, "X-Broken"));
}

static void what_cannot_be_decoded_is_refused(void **state)
{
    char reply[REPLY_BYTES];

    ask(*state, "GET /?a=%4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", reply);
    assert_holds(reply, "HTTP/1.1 400 ");
    ask(*state, "GET /?a=%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", reply);
    assert_holds(reply, "HTTP/1.1 400 ");
}

static void each_answer_is_counted_with_its_status(void **state)
{
    struct fixture *fixture = *state;
    char reply[REPLY_BYTES];

    ask(fixture, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", reply);
    assert_int_equal(fixture->answered, 1);
    assert_int_equal(fixture->status, 200);
    ask(fixture, "GET /?a=%4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", reply);
    assert_int_equal(fixture->answered, 2);
    assert_int_equal(fixture->status, 400);
}

static void head_is_answered_with_the_size_alone(void **state)
{
    char reply[REPLY_BYTES];

    ask(*state, "HEAD /abc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", reply);
    assert_holds(reply, "Content-Length: 11\r\n");
    assert_string_equal(strstr(reply, "\r\n\r\n"), "\r\n\r\n");
}

static void a_body_is_taken_up_to_its_limit(void **state)
{
    char reply[REPLY_BYTES];

    ask(*state, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody", reply);
    assert_holds(reply, "POST /  body");
    ask(*state, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 65\r\n\r\n", reply);
    assert_holds(reply, "HTTP/1.1 413 ");
}

static void an_answer_may_come_later_while_others_are_served(void **state)
{
    struct fixture *fixture = *state;
    char reply[REPLY_BYTES];
    int later = send_request(fixture, "GET /later?a=7 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    struct server_exchange *kept = wait_for(fixture, &fixture->kept);

    ask(fixture, "GET /now HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", reply);
    assert_holds(reply, "GET /now");
    tell(kept);
    read_until(later, NULL, reply);
    close(later);
    assert_holds(reply, "GET /later [7]");
}

static void a_stream_sleeps_until_it_is_woken_and_ends_when_it_says_so(void **state)
{
    struct fixture *fixture = *state;
    char reply[REPLY_BYTES];
    int descriptor = send_request(fixture, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");

    read_until(descriptor, "\r\n\r\n", reply);
    wait_for(fixture, &fixture->stream);
    give(fixture, 3, false);
    read_until(descriptor, "xxx", reply);
    give(fixture, 2, true);
    read_until(descriptor, "\r\n0\r\n\r\n", reply);
    close(descriptor);
}

static void no_wake_is_lost(void **state)
{
    struct fixture *fixture = *state;
    char reply[REPLY_BYTES];
    int descriptor = send_request(fixture, "GET /stream HTTP/1.0\r\nHost: x\r\n\r\n");

    read_until(descriptor, "\r\n\r\n", reply);
    wait_for(fixture, &fixture->stream);
    for (unsigned i = 0; i < 10 * 1000; i++)
        give(fixture, 1, false);
    give(fixture, 0, true);
    read_until(descriptor, NULL, reply);
    close(descriptor);
    assert_int_equal(strspn(reply, "x"), 10 * 1000);
}

static void a_wake_while_it_is_read_makes_it_read_again(void **state)
{
    struct fixture *fixture = *state;
    char reply[REPLY_BYTES];

    fixture->late = 3;
    int descriptor = send_request(fixture, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    read_until(descriptor, "xxx", reply);
    close(descriptor);
}

static void a_stream_whose_peer_is_gone_is_closed_when_it_is_written_to(void **state)
{
    struct fixture *fixture = *state;
    char reply[REPLY_BYTES];
    int descriptor = send_request(fixture, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");

    read_until(descriptor, "\r\n\r\n", reply);
    wait_for(fixture, &fixture->stream);
    close(descriptor);
    for (bool is_closed = false; !is_closed;) {
        give(fixture, 1, false);
        pthread_mutex_lock(&fixture->lock);
        is_closed = fixture->closed == 1;
        pthread_mutex_unlock(&fixture->lock);
    }
}

static void streams_end_once_with_the_server(void **state)
{
    struct fixture *fixture = *state;
    char reply[REPLY_BYTES];
    int descriptor = send_request(fixture, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");

    read_until(descriptor, "\r\n\r\n", reply);
    wait_for(fixture, &fixture->stream);
    server_close(fixture->server);
    fixture->server = NULL;
    assert_int_equal(fixture->closed, 1);
    read_until(descriptor, NULL, reply);
    close(descriptor);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_is_left_encoded_and_a_query_is_decoded),
        TEST(what_cannot_be_decoded_is_refused),
        TEST(each_answer_is_counted_with_its_status),
        TEST(head_is_answered_with_the_size_alone),
        TEST(a_body_is_taken_up_to_its_limit),
        TEST(an_answer_may_come_later_while_others_are_served),
        TEST(a_stream_sleeps_until_it_is_woken_and_ends_when_it_says_so),
        TEST(no_wake_is_lost),
        TEST(a_wake_while_it_is_read_makes_it_read_again),
        TEST(a_stream_whose_peer_is_gone_is_closed_when_it_is_written_to),
        TEST(streams_end_once_with_the_server),
    };

    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
