/* archived: the two questions, asked of a server that answers as it was told. */
#include "producer/archived.h"

#include "tests/support/kind.h"
#include "tests/support/redis_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

#define PAYLOAD "payload"

static const struct uuid producer_id = {.bytes = {0x01, 0x8f, 0xab}};
static const struct stream_id entry_id = {.ms = 1700000000000, .sequence = 3};

struct fixture {
    struct redis_peer_answer answers[2]; /* the first is the greeting's */
    struct redis_peer *peer;
    struct redis *redis;
    struct arena arena;
    struct error error;
};

static void connect_to(struct fixture *fixture, const char *answer)
{
    *fixture = (struct fixture){.answers = {{.bytes = "+PONG\r\n"}, {.bytes = answer}}};
    arena_init(&fixture->arena, 0);
    fixture->peer = redis_peer_start(fixture->answers, 2);

    const struct redis_options options = {
        .url = redis_peer_url(fixture->peer),
        .request_timeout_ms = PATIENCE_MS,
    };
    fixture->redis = redis_new(&options, &fixture->error);
    assert_non_null(fixture->redis);
    if (!redis_connect(fixture->redis, &fixture->error))
        fail_msg("%s", fixture->error.text);
}

static void part(struct fixture *fixture)
{
    redis_free(fixture->redis);
    arena_close(&fixture->arena);
    redis_peer_stop(fixture->peer);
}

static bool ask(struct fixture *fixture, uint64_t *sequence)
{
    assert_true(archived_append(fixture->redis, &producer_id, &fixture->error));
    assert_true(redis_send(fixture->redis, &fixture->error));
    return archived_receive(fixture->redis, &fixture->arena, sequence, &fixture->error);
}

static bool look(struct fixture *fixture, bool *is_there)
{
    assert_true(archived_append_look(fixture->redis, "taskledger:events:{2}", entry_id, &fixture->error));
    assert_true(redis_send(fixture->redis, &fixture->error));
    return archived_receive_look(fixture->redis, &fixture->arena, slice_from_text(PAYLOAD), is_there, &fixture->error);
}

static void assert_kind(const struct error *error, enum error_kind kind, const char *reason)
{
    assert_string_equal(kind_name(error->kind), kind_name(kind));
    assert_string_equal(error->reason, reason);
}

/* ---- the watermark ----------------------------------------------------------------------------------------------- */

static uint64_t watermark_in(const char *answer)
{
    struct fixture fixture;
    uint64_t sequence = 12345;

    connect_to(&fixture, answer);
    if (!ask(&fixture, &sequence))
        fail_msg("%s", fixture.error.text);
    assert_string_equal(redis_peer_heard(fixture.peer),
                        "PING\nHGET taskledger:archived 018fab00000000000000000000000000\n");
    part(&fixture);
    return sequence;
}

static void a_number_is_a_watermark(void **state)
{
    (void)state;
    assert_int_equal(watermark_in("$4\r\n4711\r\n"), 4711);
    assert_true(watermark_in("$19\r\n9223372036854775807\r\n") == INT64_MAX);
}

static void nothing_is_none(void **state)
{
    (void)state;
    assert_int_equal(watermark_in("$-1\r\n"), 0);
}

static void what_is_no_number_is_none(void **state)
{
    (void)state;
    assert_int_equal(watermark_in("$0\r\n\r\n"), 0);
    assert_int_equal(watermark_in("$2\r\n-1\r\n"), 0);
    assert_int_equal(watermark_in("$3\r\n4 7\r\n"), 0);
    assert_int_equal(watermark_in("$19\r\n9223372036854775808\r\n"), 0);
    assert_int_equal(watermark_in("$30\r\n999999999999999999999999999999\r\n"), 0);
}

static void a_refusal_leaves_the_line_open(void **state)
{
    struct fixture fixture;
    uint64_t sequence = 12345;

    (void)state;
    connect_to(&fixture, "-NOPERM this user has no permissions to run the 'hget' command\r\n");
    assert_false(ask(&fixture, &sequence));
    assert_kind(&fixture.error, ERROR_FATAL, "noperm");
    assert_true(redis_is_connected(fixture.redis));
    assert_int_equal(sequence, 12345);
    part(&fixture);
}

static void an_answer_to_something_else_closes_it(void **state)
{
    struct fixture fixture;
    uint64_t sequence;

    (void)state;
    connect_to(&fixture, ":3\r\n");
    assert_false(ask(&fixture, &sequence));
    assert_kind(&fixture.error, ERROR_FATAL, "reply");
    assert_false(redis_is_connected(fixture.redis));
    part(&fixture);
}

/* ---- an entry ---------------------------------------------------------------------------------------------------- */

static bool found_in(const char *answer)
{
    struct fixture fixture;
    bool is_there = false;

    connect_to(&fixture, answer);
    if (!look(&fixture, &is_there))
        fail_msg("%s", fixture.error.text);
    assert_string_equal(redis_peer_heard(fixture.peer),
                        "PING\nXRANGE taskledger:events:{2} 1700000000000-3 1700000000000-3 COUNT 1\n");
    part(&fixture);
    return is_there;
}

#define ENTRY(fields) "*1\r\n*2\r\n$15\r\n1700000000000-3\r\n" fields

static void the_same_bytes_are_the_entry(void **state)
{
    (void)state;
    assert_true(found_in(ENTRY("*2\r\n$5\r\nevent\r\n$7\r\npayload\r\n")));
}

static void anything_else_is_not(void **state)
{
    (void)state;
    assert_false(found_in("*0\r\n"));
    assert_false(found_in("*-1\r\n"));
    assert_false(found_in(ENTRY("*2\r\n$5\r\nevent\r\n$7\r\nPAYLOAD\r\n")));
    assert_false(found_in(ENTRY("*2\r\n$5\r\nevent\r\n$6\r\npayloa\r\n")));
    assert_false(found_in(ENTRY("*2\r\n$5\r\nother\r\n$7\r\npayload\r\n")));
    assert_false(found_in(ENTRY("*4\r\n$5\r\nevent\r\n$7\r\npayload\r\n$1\r\na\r\n$1\r\nb\r\n")));
    assert_false(found_in(ENTRY("*-1\r\n")));
    assert_false(found_in(ENTRY("*2\r\n:1\r\n:2\r\n")));
    assert_false(found_in("*1\r\n$1\r\na\r\n"));
    assert_false(found_in("*1\r\n*0\r\n"));
}

static void a_look_may_be_refused_too(void **state)
{
    struct fixture fixture;
    bool is_there = true;

    (void)state;
    connect_to(&fixture, "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    assert_false(look(&fixture, &is_there));
    assert_kind(&fixture.error, ERROR_FATAL, "wrongtype");
    assert_true(redis_is_connected(fixture.redis));
    part(&fixture);
}

static void an_answer_of_another_kind_closes_the_line(void **state)
{
    struct fixture fixture;
    bool is_there = true;

    (void)state;
    connect_to(&fixture, "$7\r\npayload\r\n");
    assert_false(look(&fixture, &is_there));
    assert_kind(&fixture.error, ERROR_FATAL, "reply");
    assert_false(redis_is_connected(fixture.redis));
    part(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_a_watermark),
        cmocka_unit_test(nothing_is_none),
        cmocka_unit_test(what_is_no_number_is_none),
        cmocka_unit_test(a_refusal_leaves_the_line_open),
        cmocka_unit_test(an_answer_to_something_else_closes_it),
        cmocka_unit_test(the_same_bytes_are_the_entry),
        cmocka_unit_test(anything_else_is_not),
        cmocka_unit_test(a_look_may_be_refused_too),
        cmocka_unit_test(an_answer_of_another_kind_closes_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
