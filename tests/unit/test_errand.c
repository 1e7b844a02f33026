/* errand: what is sent for claims and permits, and what is understood of the answers. */
#include "producer/lease/errand.h"

#include "tests/support/kind.h"
#include "tests/support/redis_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

static const struct terms of_claim = {.name = "order", .holder = "worker", .lease_ms = 30000};
static const struct terms of_permit = {
    .is_permit = true, .name = "api", .holder = "worker", .limit = 5, .lease_ms = 30000};

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

/* What was sent ends with this. */
static void assert_heard(struct fixture *fixture, const char *end)
{
    const char *heard = redis_peer_heard(fixture->peer);
    size_t size = strlen(heard);

    assert_true(size > strlen(end));
    assert_string_equal(heard + size - strlen(end), end);
}

static bool run(struct fixture *fixture, const struct errand *errand, struct verdict *verdict)
{
    assert_true(errand_append(fixture->redis, errand, &fixture->error));
    assert_true(redis_send(fixture->redis, &fixture->error));
    return errand_receive(fixture->redis, &fixture->arena, errand, verdict, &fixture->error);
}

/* ---- what is sent and understood --------------------------------------------------------------------------------- */

static void a_claim_is_asked_for_with_the_latest_time_that_was_ever_told(void **state)
{
    struct errand errand = {.kind = ERRAND_ASK, .terms = &of_claim, .token = "token"};
    struct verdict verdict;
    struct fixture fixture;

    (void)state;
    connect_to(&fixture, "*6\r\n:1\r\n:217\r\n:5000\r\n:30000\r\n:1795000000999\r\n$6\r\nworker\r\n");
    assert_true(run(&fixture, &errand, &verdict));
    assert_heard(&fixture, " 1 taskledger:claim:{order} ask token worker 30000 0 0 0 1577836800\n");
    assert_true(verdict.granted);
    assert_int_equal(verdict.attempt, 217);
    assert_int_equal(verdict.since_ms, 5000);
    assert_int_equal(verdict.left_ms, 30000);
    assert_int_equal(verdict.now_ms, 1795000000999);
    assert_string_equal(verdict.holder, "worker");
    part(&fixture);

    errand =
        (struct errand){.kind = ERRAND_RENEW, .terms = &of_claim, .token = "token", .attempt = 218, .since_ms = 5000};
    connect_to(&fixture, "*6\r\n:0\r\n:219\r\n:6000\r\n:10\r\n:1794000000000\r\n$5\r\nother\r\n");
    assert_true(run(&fixture, &errand, &verdict));
    assert_heard(&fixture, " renew token worker 30000 218 5000 1795000000 1577836800\n");
    assert_false(verdict.granted);
    assert_int_equal(verdict.attempt, 219);
    assert_string_equal(verdict.holder, "other");
    part(&fixture);
}

static void a_permit_is_asked_for_in_its_line(void **state)
{
    struct errand errand = {.kind = ERRAND_ASK, .terms = &of_permit, .token = "token", .in_line = true};
    struct verdict verdict;
    struct fixture fixture;

    (void)state;
    connect_to(&fixture, "*4\r\n:0\r\n:3\r\n:5\r\n:1795000000000\r\n");
    assert_true(run(&fixture, &errand, &verdict));
    assert_heard(&fixture, " 5 taskledger:permit:{api} taskledger:permit:{api}:queue taskledger:permit:{api}:waiting "
                           "taskledger:permit:{api}:holders taskledger:permit:{api}:freed "
                           "ask token worker 5 30000 5000 1\n");
    assert_false(verdict.granted);
    assert_int_equal(verdict.place, 3);
    assert_int_equal(verdict.held, 5);
    part(&fixture);
}

/* ---- what is not understood -------------------------------------------------------------------------------------- */

static void assert_not_understood(const struct terms *terms, const char *answer)
{
    struct errand errand = {.kind = ERRAND_ASK, .terms = terms, .token = "token"};
    struct verdict verdict = {.attempt = 4711};
    struct fixture fixture;

    connect_to(&fixture, answer);
    assert_false(run(&fixture, &errand, &verdict));
    assert_string_equal(kind_name(fixture.error.kind), "fatal");
    assert_string_equal(fixture.error.reason, "reply");
    assert_false(redis_is_connected(fixture.redis));
    assert_int_equal(verdict.attempt, 4711);
    part(&fixture);
}

static void an_answer_of_another_shape_is_none(void **state)
{
    (void)state;
    assert_not_understood(&of_claim, ":1\r\n");
    assert_not_understood(&of_claim, "$-1\r\n");
    assert_not_understood(&of_claim, "*5\r\n:1\r\n:217\r\n:5000\r\n:30000\r\n:1795000000999\r\n");
    assert_not_understood(&of_claim, "*6\r\n:1\r\n:217\r\n:5000\r\n:30000\r\n:1795000000999\r\n:5\r\n");
    assert_not_understood(&of_claim, "*6\r\n:1\r\n$1\r\n5\r\n:5000\r\n:30000\r\n:1795000000999\r\n$0\r\n\r\n");
    assert_not_understood(&of_permit, "*3\r\n:0\r\n:3\r\n:5\r\n");
    assert_not_understood(&of_permit, "*5\r\n:0\r\n:3\r\n:5\r\n:6\r\n:7\r\n");
}

static void a_number_that_cannot_be_is_none(void **state)
{
    (void)state;
    assert_not_understood(&of_claim, "*6\r\n:1\r\n:2147483648\r\n:1\r\n:1\r\n:1\r\n$0\r\n\r\n");
    assert_not_understood(&of_claim, "*6\r\n:1\r\n:-1\r\n:1\r\n:1\r\n:1\r\n$0\r\n\r\n");
    assert_not_understood(&of_permit, "*4\r\n:0\r\n:4294967296\r\n:5\r\n:1\r\n");
    assert_not_understood(&of_permit, "*4\r\n:0\r\n:-3\r\n:5\r\n:1\r\n");
}

static void an_error_answer_leaves_the_line_open(void **state)
{
    struct errand errand = {.kind = ERRAND_RELEASE, .terms = &of_claim, .token = "token"};
    struct verdict verdict;
    struct fixture fixture;

    (void)state;
    connect_to(&fixture, "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    assert_false(run(&fixture, &errand, &verdict));
    assert_string_equal(fixture.error.reason, "oom");
    assert_true(redis_is_connected(fixture.redis));
    part(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_is_asked_for_with_the_latest_time_that_was_ever_told),
        cmocka_unit_test(a_permit_is_asked_for_in_its_line),
        cmocka_unit_test(an_answer_of_another_shape_is_none),
        cmocka_unit_test(a_number_that_cannot_be_is_none),
        cmocka_unit_test(an_error_answer_leaves_the_line_open),
    };

    return cmocka_run_group_tests_name("errand", tests, NULL, NULL);
}
