/* inquiry: what an answer about the watermark, or none, is taken for. */
#include "producer/inquiry.h"
#include "tests/support/confirming.h"
#include "tests/support/redis_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PATIENCE_MS = 20000 };

#define PONG "+PONG\r\n"

struct fixture {
    struct redis_peer *peer;
    struct carrier carrier;
    struct parcel parcel;
    struct inquiry_news news;
    struct error error;
};

/* A few events are unconfirmed for longer than anybody's patience. */
static struct fixture begin(const struct redis_peer_answer *answers, size_t count)
{
    struct fixture fixture = {.carrier = {.stream = "taskledger", .shards = 1}};

    confirming_begin(NULL);
    confirming_send(1, 1, 10);
    confirming_pass_ms(2 * CONFIRM_PATIENCE_MS);
    assert_true(parcel_init(&fixture.parcel));
    fixture.peer = redis_peer_start(answers, count);
    const struct redis_options options = {.url = redis_peer_url(fixture.peer), .request_timeout_ms = PATIENCE_MS};
    fixture.carrier.redis = redis_new(&options, &fixture.error);
    assert_non_null(fixture.carrier.redis);
    return fixture;
}

static void end(struct fixture *fixture)
{
    carrier_close(&fixture->carrier);
    parcel_close(&fixture->parcel);
    redis_peer_stop(fixture->peer);
}

/* What is due next, as soon as it is. */
static bool step(struct fixture *fixture)
{
    const struct inquiry inquiry = {
        .confirm = &confirming.confirm, .carrier = &fixture->carrier, .parcel = &fixture->parcel};
    enum confirm_due what;

    confirming_wait_ms(&what);
    if (!redis_connect(fixture->carrier.redis, &fixture->error))
        fail_msg("%s", fixture->error.text);
    return inquiry_step(&inquiry, false, &fixture->news, &fixture->error);
}

/* ---- what is asked again ----------------------------------------------------------------------------------------- */

static void a_question_that_nobody_answered_is_asked_again_before_anybody_looks(void **state)
{
    static const struct redis_peer_answer answers[] = {
        {.bytes = PONG},
        {.bytes = "-CLUSTERDOWN Hash slot not served\r\n"},
        {.bytes = "-BUSY Redis is busy running a script\r\n"},
        {.hangs_up = true},
        {.bytes = PONG},
        {.bytes = "$-1\r\n"},
    };
    struct fixture fixture = begin(answers, sizeof answers / sizeof *answers);

    (void)state;
    assert_false(step(&fixture));
    assert_true(step(&fixture)); /* this one is told, and holds up nothing */
    assert_true(fixture.news.refused);
    assert_false(step(&fixture));
    assert_int_not_equal(confirming_due(false), CONFIRM_LOOK);
    assert_true(step(&fixture));
    assert_int_equal(confirming_due(false), CONFIRM_LOOK);
    end(&fixture);
}

static void who_may_not_ask_looks(void **state)
{
    static const struct redis_peer_answer answers[] = {
        {.bytes = PONG},
        {.bytes = "-NOPERM this user has no permissions to run the 'hget' command\r\n"},
    };
    struct fixture fixture = begin(answers, sizeof answers / sizeof *answers);

    (void)state;
    assert_true(step(&fixture));
    assert_true(fixture.news.refused);
    assert_int_equal(confirming_due(false), CONFIRM_LOOK);
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_that_nobody_answered_is_asked_again_before_anybody_looks),
        cmocka_unit_test(who_may_not_ask_looks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
