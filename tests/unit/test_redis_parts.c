/* redis: large answers, taken in parts, in memory that does not grow with them. */
#include "proto/redis.h"

#include "proto/redis_error.h"
#include "tests/support/redis_peer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000, PART_BYTES = 8 * 1024, ELEMENTS = 20000 };

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define GREETING             \
    {                        \
        .bytes = "+PONG\r\n" \
    }

/* What was visited. */
struct tally {
    size_t arrays;
    size_t strings;
    size_t string_bytes; /* their true sizes */
    size_t largest;      /* as it was handed over */
    size_t integers;
    size_t nils;
};

static bool on_array(void *self, const struct redis_place *place, size_t count)
{
    struct tally *tally = self;

    (void)place;
    (void)count;
    tally->arrays++;
    return true;
}

static bool on_string(void *self, const struct redis_place *place, struct slice text, size_t text_bytes)
{
    struct tally *tally = self;

    (void)place;
    tally->strings++;
    tally->string_bytes += text_bytes;
    tally->largest = text.size > tally->largest ? text.size : tally->largest;
    return true;
}

static bool on_integer(void *self, const struct redis_place *place, int64_t value)
{
    struct tally *tally = self;

    (void)place;
    (void)value;
    tally->integers++;
    return true;
}

static bool on_nil(void *self, const struct redis_place *place)
{
    struct tally *tally = self;

    (void)place;
    tally->nils++;
    return true;
}

static struct redis_visitor tallying(struct tally *tally)
{
    return (struct redis_visitor){
        .on_array = on_array, .on_string = on_string, .on_integer = on_integer, .on_nil = on_nil, .self = tally};
}

struct fixture {
    struct redis_peer *peer;
    struct redis *redis;
    struct arena arena;
    struct tally tally;
    struct error error;
};

static void connect_with(struct fixture *fixture, const struct redis_peer_answer *answers, size_t count,
                         int patience_ms)
{
    *fixture = (struct fixture){.peer = redis_peer_start(answers, count)};
    const struct redis_options options = {
        .url = redis_peer_url(fixture->peer),
        .request_timeout_ms = patience_ms,
        .reply_string_max = 1000,
    };
    arena_init(&fixture->arena, 0);
    fixture->redis = redis_new(&options, &fixture->error);
    if (!redis_connect(fixture->redis, &fixture->error))
        fail_msg("%s", fixture->error.text);
}

static void connect_to(struct fixture *fixture, const struct redis_peer_answer *answers, size_t count)
{
    connect_with(fixture, answers, count, PATIENCE_MS);
}

static void close_fixture(struct fixture *fixture)
{
    redis_free(fixture->redis);
    arena_close(&fixture->arena);
    redis_peer_stop(fixture->peer);
}

static void ask(struct fixture *fixture, const char *word)
{
    const struct slice words[] = {slice_from_text(word)};

    assert_true(redis_append(fixture->redis, words, 1, &fixture->error));
    assert_true(redis_send(fixture->redis, &fixture->error));
}

static bool receive_part(struct fixture *fixture, bool *complete)
{
    struct redis_visitor visitor = tallying(&fixture->tally);

    return redis_receive_part(fixture->redis, &visitor, PART_BYTES, 0, complete, &fixture->error);
}

/* *ELEMENTS of $5; the caller frees it. */
static char *large_answer(void)
{
    char *answer = malloc(32 + ELEMENTS * 16);
    int used = sprintf(answer, "*%d\r\n", ELEMENTS);

    for (size_t i = 0; i < ELEMENTS; i++)
        used += sprintf(answer + used, "$5\r\n%05zu\r\n", i);
    return answer;
}

static void a_large_answer_comes_in_parts(void **state)
{
    char *large = large_answer();
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = large}, {.bytes = ":7\r\n"}};
    struct fixture fixture;
    size_t parts = 0;
    bool complete = false;

    (void)state;
    connect_to(&fixture, answers, COUNT(answers));
    ask(&fixture, "XRANGE");
    for (; !complete; parts++) {
        size_t before = fixture.tally.strings;

        assert_true(receive_part(&fixture, &complete));
        assert_true((fixture.tally.strings - before) * 11 <= PART_BYTES + 32 * 1024);
    }
    assert_true(parts > 4);
    assert_int_equal(fixture.tally.strings, ELEMENTS);

    ask(&fixture, "XLEN");
    assert_true(receive_part(&fixture, &complete) && complete);
    assert_int_equal(fixture.tally.integers, 1);
    close_fixture(&fixture);
    free(large);
}

static void commands_may_be_sent_between_two_parts(void **state)
{
    char *large = large_answer();
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = large}, {.bytes = ":1\r\n"}, {.bytes = ":2\r\n"}};
    struct fixture fixture;
    bool complete = false;

    (void)state;
    connect_to(&fixture, answers, COUNT(answers));
    ask(&fixture, "XREADGROUP");
    assert_true(receive_part(&fixture, &complete) && !complete);
    ask(&fixture, "XACK");
    assert_true(receive_part(&fixture, &complete) && !complete);
    ask(&fixture, "XACK");
    while (!complete)
        assert_true(receive_part(&fixture, &complete));

    for (int i = 1; i <= 2; i++) {
        struct reply reply;

        assert_true(redis_receive(fixture.redis, &fixture.arena, 0, &reply, &fixture.error));
        assert_int_equal(reply.integer, i);
    }
    close_fixture(&fixture);
    free(large);
}

static void an_error_answer_is_the_verdict_and_leaves_the_line_open(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING,
                                                {.bytes = "-NOGROUP none\r\n"},
                                                {.bytes = "*3\r\n:1\r\n-OOM no\r\n$1\r\na\r\n"},
                                                {.bytes = "$-1\r\n"}};
    struct fixture fixture;
    bool complete = false;

    (void)state;
    connect_to(&fixture, answers, COUNT(answers));
    ask(&fixture, "XREADGROUP");
    assert_false(receive_part(&fixture, &complete));
    assert_true(redis_error_is(&fixture.error, "nogroup"));

    ask(&fixture, "EXEC");
    assert_false(receive_part(&fixture, &complete));
    assert_true(redis_error_is(&fixture.error, "oom"));
    assert_int_equal(fixture.tally.strings, 1);

    assert_true(redis_is_connected(fixture.redis));
    ask(&fixture, "XREADGROUP");
    assert_true(receive_part(&fixture, &complete) && complete);
    assert_int_equal(fixture.tally.nils, 1);
    close_fixture(&fixture);
}

static bool refuse_array(void *self, const struct redis_place *place, size_t count)
{
    (void)self;
    (void)place;
    (void)count;
    errno = EPROTO;
    return false;
}

static void a_visitor_that_refuses_closes_the_line(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = "*1\r\n:1\r\n"}};
    struct fixture fixture;
    struct redis_visitor visitor = tallying(&fixture.tally);
    bool complete = false;

    (void)state;
    visitor.on_array = refuse_array;
    connect_to(&fixture, answers, COUNT(answers));
    ask(&fixture, "XRANGE");
    assert_false(redis_receive_part(fixture.redis, &visitor, PART_BYTES, 0, &complete, &fixture.error));
    assert_true(redis_error_is(&fixture.error, "protocol"));
    assert_false(redis_is_connected(fixture.redis));
    close_fixture(&fixture);
}

/* Who waits for it along with others sleeps on the socket, which knows nothing of it. */
static void what_came_together_with_the_answer_before_is_known_to_be_there(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING, {.bytes = ":1\r\n*2\r\n:2\r\n"}, {.bytes = ":3\r\n"}};
    struct fixture fixture;
    struct redis_visitor visitor = tallying(&fixture.tally);
    struct arena arena;
    struct reply reply;
    bool complete = true;

    (void)state;
    arena_init(&arena, 0);
    connect_to(&fixture, answers, COUNT(answers));
    ask(&fixture, "XACK");
    assert_true(redis_receive(fixture.redis, &arena, 0, &reply, &fixture.error));
    assert_true(
        redis_append(fixture.redis, &(struct slice){.data = (const uint8_t *)"X", .size = 1}, 1, &fixture.error));
    assert_true(redis_has_input(fixture.redis) && redis_has_buffered(fixture.redis));
    assert_true(redis_receive_part(fixture.redis, &visitor, 1, 0, &complete, &fixture.error));
    assert_int_equal(fixture.tally.integers, 1);
    assert_false(complete || redis_has_input(fixture.redis) || redis_has_buffered(fixture.redis));
    assert_true(redis_send(fixture.redis, &fixture.error));
    assert_true(redis_receive_part(fixture.redis, &visitor, 1, 0, &complete, &fixture.error));
    assert_true(complete);
    arena_close(&arena);
    close_fixture(&fixture);
}

static long peak_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void a_string_of_512_mib_needs_no_memory(void **state)
{
    const size_t huge = 512 * 1024 * 1024;
    const struct redis_peer_answer answers[] = {
        GREETING, {.bytes = "*2\r\n$536870912\r\n", .fill_bytes = huge, .after = "\r\n:1\r\n"}};
    struct fixture fixture;
    bool complete = false;

    (void)state;
    connect_to(&fixture, answers, COUNT(answers));
    ask(&fixture, "XRANGE");
    long before_kib = peak_kib();
    while (!complete)
        assert_true(receive_part(&fixture, &complete));
    assert_int_equal(fixture.tally.string_bytes, huge);
    assert_int_equal(fixture.tally.largest, 1000);
    assert_int_equal(fixture.tally.integers, 1);
    assert_true(peak_kib() - before_kib < 16 * 1024);
    close_fixture(&fixture);
}

/* Each byte comes in time, all of them would take an hour. */
static void an_answer_that_drips_for_ever_is_given_up(void **state)
{
    const struct redis_peer_answer answers[] = {GREETING,
                                                {.bytes = "$360000\r\n", .fill_bytes = 360000, .drip_ms = 10}};
    struct fixture fixture;
    bool complete = false;

    (void)state;
    connect_with(&fixture, answers, COUNT(answers), 200);
    ask(&fixture, "XRANGE");
    assert_false(receive_part(&fixture, &complete));
    assert_string_equal(fixture.error.reason, "timeout");
    assert_false(redis_is_connected(fixture.redis));
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_answer_comes_in_parts),
        cmocka_unit_test(commands_may_be_sent_between_two_parts),
        cmocka_unit_test(an_error_answer_is_the_verdict_and_leaves_the_line_open),
        cmocka_unit_test(a_visitor_that_refuses_closes_the_line),
        cmocka_unit_test(what_came_together_with_the_answer_before_is_known_to_be_there),
        cmocka_unit_test(a_string_of_512_mib_needs_no_memory),
        cmocka_unit_test(an_answer_that_drips_for_ever_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
