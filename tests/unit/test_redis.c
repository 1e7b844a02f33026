/* redis: one connection, spoken over with a server that answers as it was told. */
#include "proto/redis.h"

#include "proto/redis_error.h"
#include "tests/support/kind.h"
#include "tests/support/redis_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

/* A line to a peer. */
struct fixture {
    struct redis_peer *peer;
    struct redis *redis;
    struct arena arena;
    struct reply reply;
    struct error error;
};

static void open_fixture(struct fixture *fixture, const struct redis_peer_answer *answers, size_t count,
                         struct redis_options options)
{
    *fixture = (struct fixture){.peer = redis_peer_start(answers, count)};
    arena_init(&fixture->arena, 0);
    options.url = redis_peer_url(fixture->peer);
    if (options.request_timeout_ms == 0)
        options.request_timeout_ms = PATIENCE_MS;
    fixture->redis = redis_new(&options, &fixture->error);
    assert_non_null(fixture->redis);
}

static void close_fixture(struct fixture *fixture)
{
    redis_free(fixture->redis);
    arena_close(&fixture->arena);
    redis_peer_stop(fixture->peer);
}

static void connect_to(struct fixture *fixture, const struct redis_peer_answer *answers, size_t count)
{
    open_fixture(fixture, answers, count, (struct redis_options){.url = NULL});
    if (!redis_connect(fixture->redis, &fixture->error))
        fail_msg("%s", fixture->error.text);
}

/* Appends the words of a text that are separated by single spaces. */
static bool append(struct fixture *fixture, const char *text)
{
    struct slice words[8];
    size_t count = 0;

    for (const char *word = text; word != NULL; count++) {
        const char *end = strchr(word, ' ');

        words[count] = slice_of(word, end == NULL ? strlen(word) : (size_t)(end - word));
        word = end == NULL ? NULL : end + 1;
    }
    return redis_append(fixture->redis, words, count, &fixture->error);
}

static bool receive(struct fixture *fixture)
{
    return redis_receive(fixture->redis, &fixture->arena, 0, &fixture->reply, &fixture->error);
}

static bool call(struct fixture *fixture, const char *text)
{
    return append(fixture, text) && redis_send(fixture->redis, &fixture->error) && receive(fixture);
}

static void assert_failed(const struct fixture *fixture, enum error_kind kind, const char *reason)
{
    if (fixture->error.kind != kind || strcmp(fixture->error.reason, reason) != 0)
        fail_msg("%s %s: %s", kind_name(fixture->error.kind), fixture->error.reason, fixture->error.text);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define GREETING             \
    {                        \
        .bytes = "+PONG\r\n" \
    }

static void a_command_is_answered(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = "$5\r\nhello\r\n"}};
    struct fixture fixture;

    (void)state;
    connect_to(&fixture, answers, COUNT(answers));
    assert_true(call(&fixture, "GET key"));
    assert_int_equal(fixture.reply.type, REPLY_STRING);
    assert_true(slice_equal(fixture.reply.text, slice_from_text("hello")));
    assert_string_equal(redis_peer_heard(fixture.peer), "PING\nGET key\n");
    assert_int_equal(fixture.error.kind, ERROR_NONE);
    close_fixture(&fixture);
}

static void every_type_of_answer_has_its_place_in_the_tree(void **state)
{
    const struct redis_peer_answer answers[] = {
        GREETING, {.bytes = "*6\r\n$1\r\na\r\n+OK\r\n:-3\r\n$-1\r\n*2\r\n*0\r\n$0\r\n\r\n-OOM no\r\n"}};
    struct fixture fixture;

    (void)state;
    connect_to(&fixture, answers, COUNT(answers));
    assert_true(call(&fixture, "EXEC"));
    const struct reply *items = fixture.reply.elements;
    assert_int_equal(fixture.reply.type, REPLY_ARRAY);
    assert_int_equal(fixture.reply.count, 6);
    assert_int_equal(items[0].type, REPLY_STRING);
    assert_int_equal(items[1].type, REPLY_STATUS);
    assert_true(items[2].type == REPLY_INTEGER && items[2].integer == -3);
    assert_int_equal(items[3].type, REPLY_NIL);
    assert_true(items[4].type == REPLY_ARRAY && items[4].count == 2);
    assert_true(items[4].elements[0].type == REPLY_ARRAY && items[4].elements[0].count == 0);
    assert_true(items[4].elements[1].type == REPLY_STRING && items[4].elements[1].text.size == 0);
    assert_int_equal(items[5].type, REPLY_ERROR);
    assert_true(slice_equal(items[5].text, slice_from_text("OOM no")));
    close_fixture(&fixture);
}

static void a_pipeline_is_answered_in_order(void **state)
{
    struct redis_peer_answer answers[1 + 500] = {GREETING};
    char texts[500][16];
    struct fixture fixture;

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        snprintf(texts[i], sizeof texts[i], ":%zu\r\n", i);
        answers[1 + i].bytes = texts[i];
    }
    connect_to(&fixture, answers, COUNT(answers));
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_true(append(&fixture, "INCR key"));
    assert_true(redis_send(fixture.redis, &fixture.error));

    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_true(receive(&fixture));
        assert_int_equal(fixture.reply.integer, i);
    }
    close_fixture(&fixture);
}

static void an_error_answer_leaves_the_connection_open(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = "-NOGROUP none\r\n"}, {.bytes = "+OK\r\n"}};
    struct fixture fixture;

    (void)state;
    connect_to(&fixture, answers, COUNT(answers));
    assert_false(call(&fixture, "XREADGROUP"));
    assert_failed(&fixture, ERROR_TRANSIENT, "nogroup");
    assert_true(redis_error_is(&fixture.error, "nogroup"));
    assert_non_null(strstr(fixture.error.text, "NOGROUP none"));
    assert_non_null(strstr(fixture.error.text, redis_address(fixture.redis)));
    assert_true(redis_is_connected(fixture.redis));
    assert_true(call(&fixture, "PING"));
    close_fixture(&fixture);
}

static void the_login_says_who_we_are_in_one_go(void **state)
{
    const struct redis_peer_answer answers[] = {{.bytes = "+OK\r\n"}, {.bytes = "+OK\r\n"}, {.bytes = "+OK\r\n"}};
    struct fixture fixture;
    char url[200];

    (void)state;
    open_fixture(&fixture, answers, COUNT(answers), (struct redis_options){.url = NULL});
    snprintf(url, sizeof url, "unix://me:hunter2@%s?db=7", redis_peer_url(fixture.peer) + strlen("unix://"));
    redis_free(fixture.redis);
    const struct redis_options options = {
        .url = url, .client_name = "a name\xc3\xa9", .request_timeout_ms = PATIENCE_MS};
    fixture.redis = redis_new(&options, &fixture.error);
    assert_true(redis_connect(fixture.redis, &fixture.error));
    assert_string_equal(redis_peer_heard(fixture.peer), "AUTH me hunter2\nSELECT 7\nCLIENT SETNAME a-name--\n");
    assert_null(strstr(redis_address(fixture.redis), "hunter2"));
    assert_true(redis_connect(fixture.redis, &fixture.error));
    assert_int_equal(redis_peer_connections(fixture.peer), 1);
    close_fixture(&fixture);
}

/* Connects with a password to a server that answers so; what comes of it. */
static struct error login_failure(const char *first, const char *second)
{
    const struct redis_peer_answer answers[] = {{.bytes = first}, {.bytes = second}};
    struct fixture fixture;
    char url[200];

    open_fixture(&fixture, answers, COUNT(answers), (struct redis_options){.url = NULL});
    snprintf(url, sizeof url, "unix://:hunter2@%s", redis_peer_url(fixture.peer) + strlen("unix://"));
    redis_free(fixture.redis);
    const struct redis_options options = {.url = url, .request_timeout_ms = PATIENCE_MS};
    fixture.redis = redis_new(&options, &fixture.error);
    if (redis_connect(fixture.redis, &fixture.error))
        fixture.error.kind = ERROR_NONE;
    else
        assert_false(redis_is_connected(fixture.redis));
    assert_null(strstr(fixture.error.text, "hunter"));
    close_fixture(&fixture);
    return fixture.error;
}

static void a_login_that_fails_says_why_and_never_with_what(void **state)
{
    struct error error = login_failure("-WRONGPASS invalid username-password pair\r\n", "-NOAUTH no\r\n");

    (void)state;
    assert_int_equal(error.kind, ERROR_FATAL);
    assert_string_equal(error.reason, "wrongpass");
    assert_non_null(strstr(error.text, "WRONGPASS"));

    error = login_failure("-ERR unknown command 'AUTH', with args beginning with: 'hunter2' \r\n", "+PONG\r\n");
    assert_string_equal(error.reason, "unknown");
    error = login_failure("-ERR 'hunter is no way to log in\r\n", "+PONG\r\n");
    assert_string_equal(error.reason, "reply");
    error = login_failure("-hunter2\r\n", "+PONG\r\n");
    assert_string_equal(error.reason, "reply");
    error = login_failure("-LOADING\r\n", "+PONG\r\n");
    assert_int_equal(error.kind, ERROR_TRANSIENT);
    error = login_failure("-ERR max number of clients reached\r\n", "");
    assert_string_equal(error.reason, "maxclients");
    error = login_failure("+OK\r\n", "-NOPERM no rights to run 'ping'\r\n");
    assert_int_equal(error.kind, ERROR_NONE);
    error = login_failure("+OK\r\n", "-LOADING soon\r\n");
    assert_string_equal(error.reason, "loading");
}

static void nothing_can_be_done_before_connecting(void **state)
{
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, NULL, 0, (struct redis_options){.url = NULL});
    assert_false(redis_is_connected(fixture.redis));
    assert_false(append(&fixture, "PING"));
    assert_failed(&fixture, ERROR_TRANSIENT, "connection");
    assert_false(redis_send(fixture.redis, &fixture.error));
    assert_false(receive(&fixture));
    redis_disconnect(fixture.redis);
    close_fixture(&fixture);
}

static void wrong_options_are_refused_before_anything_is_done(void **state)
{
    const struct redis_options wrong[] = {
        {.url = NULL},
        {.url = "redis://me@host"},
        {.url = "redis://host", .ca_file = "ca.crt"},
        {.url = "unix:///s", .certificate_file = "c", .key_file = "k"},
        {.url = "rediss://host", .certificate_file = "c"},
        {.url = "rediss://host", .key_file = "k"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct error error;

        assert_null(redis_new(&wrong[i], &error));
        assert_int_equal(error.kind, ERROR_FATAL);
        assert_string_equal(error.reason, "config");
    }
    redis_free(NULL);
}

static void a_cut_string_tells_its_true_size(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = "$10\r\n0123456789\r\n"}};
    struct fixture fixture;

    (void)state;
    open_fixture(&fixture, answers, COUNT(answers), (struct redis_options){.reply_string_max = 4});
    assert_true(redis_connect(fixture.redis, &fixture.error));
    assert_true(call(&fixture, "GET key"));
    assert_true(slice_equal(fixture.reply.text, slice_from_text("0123")));
    assert_int_equal(fixture.reply.text_bytes, 10);
    close_fixture(&fixture);
}

static void a_tree_has_a_bound_whatever_the_server_announces(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = "*1048576\r\n*1048576\r\n*1048576\r\n"}};
    struct fixture fixture;

    (void)state;
    connect_to(&fixture, answers, COUNT(answers));
    assert_false(call(&fixture, "KEYS"));
    assert_failed(&fixture, ERROR_TRANSIENT, "memory");
    assert_non_null(strstr(fixture.error.text, "larger than any that was asked for can be"));
    assert_false(redis_is_connected(fixture.redis));
    close_fixture(&fixture);
}

static void garbage_closes_the_connection(void **state)
{
    const char *garbage[] = {"what\r\n", "$3\r\nabcd\r\n", "*1\r\n!\r\n", "%1\r\n", ":x\r\n", "\x16\x03\x01"};

    (void)state;
    for (size_t i = 0; i < COUNT(garbage); i++) {
        const struct redis_peer_answer answers[] = {GREETING, {.bytes = garbage[i]}};
        struct fixture fixture;

        connect_to(&fixture, answers, COUNT(answers));
        assert_true(append(&fixture, "ECHO a"));
        assert_false(call(&fixture, "ECHO b"));
        assert_failed(&fixture, ERROR_TRANSIENT, "protocol");
        assert_false(redis_is_connected(fixture.redis));
        close_fixture(&fixture);
    }
}

/* What came behind the garbage belongs to a line that is gone. */
static void bytes_left_over_are_not_the_next_lines(void **state)
{
    const struct redis_peer_answer answers[] = {
        GREETING, {.bytes = "what\r\n+stale\r\n+stale\r\n"}, GREETING, {.bytes = ":5\r\n"}};
    struct fixture fixture;

    (void)state;
    connect_to(&fixture, answers, COUNT(answers));
    assert_false(call(&fixture, "INCR key"));
    assert_true(redis_connect(fixture.redis, &fixture.error));
    assert_true(call(&fixture, "INCR key"));
    assert_int_equal(fixture.reply.integer, 5);
    close_fixture(&fixture);
}

static void a_large_command_arrives_whole(void **state)
{
    static char value[200 * 1024];
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = "+OK\r\n"}};
    const struct slice words[] = {slice_from_text("SET"), {0}, slice_of(value, sizeof value)};
    struct fixture fixture;

    (void)state;
    memset(value, 'v', sizeof value);
    connect_to(&fixture, answers, COUNT(answers));
    assert_true(redis_call(fixture.redis, words, 3, &fixture.arena, &fixture.reply, &fixture.error));
    const char *heard = redis_peer_heard(fixture.peer);
    assert_memory_equal(heard, "PING\nSET  vvvv", 14);
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_answered),
        cmocka_unit_test(every_type_of_answer_has_its_place_in_the_tree),
        cmocka_unit_test(a_pipeline_is_answered_in_order),
        cmocka_unit_test(an_error_answer_leaves_the_connection_open),
        cmocka_unit_test(the_login_says_who_we_are_in_one_go),
        cmocka_unit_test(a_login_that_fails_says_why_and_never_with_what),
        cmocka_unit_test(nothing_can_be_done_before_connecting),
        cmocka_unit_test(wrong_options_are_refused_before_anything_is_done),
        cmocka_unit_test(a_cut_string_tells_its_true_size),
        cmocka_unit_test(a_tree_has_a_bound_whatever_the_server_announces),
        cmocka_unit_test(garbage_closes_the_connection),
        cmocka_unit_test(bytes_left_over_are_not_the_next_lines),
        cmocka_unit_test(a_large_command_arrives_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
