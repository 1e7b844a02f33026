#include "tests/support/holding_fixture.h"

#include "proto/clock.h"
#include "tests/support/false_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SERVER_MS INT64_C(1795000000000)

struct holding_fixture fixture;

const struct error fixture_away = {.kind = ERROR_TRANSIENT, .reason = "connection", .text = "could not connect"};
const struct error fixture_forbidden = {.kind = ERROR_FATAL, .reason = "noperm", .text = "NOPERM"};
const struct error fixture_full = {.kind = ERROR_TRANSIENT, .reason = "oom", .text = "OOM"};

int64_t fixture_now_us(void)
{
    return false_time_ms() * 1000;
}

void fixture_ask(bool is_permit, int wait_ms, unsigned local_limit)
{
    struct terms terms = {
        .is_permit = is_permit,
        .name = "name",
        .limit = 3,
        .local_limit = local_limit,
        .lease_ms = FIXTURE_LEASE_MS,
        .wait_ms = wait_ms,
        .timeout_ms = FIXTURE_TIMEOUT_MS,
    };

    holding_init(&fixture.holding, &terms, "token", fixture_now_us());
}

void fixture_assert_due_in(int64_t ms)
{
    assert_int_equal(holding_due_us(&fixture.holding), fixture_now_us() + ms * 1000);
}

void fixture_assert_nothing_due(void)
{
    assert_int_equal(holding_due_us(&fixture.holding), INT64_MAX);
}

void fixture_send(enum errand_kind kind)
{
    int64_t due_us = holding_due_us(&fixture.holding);

    assert_true(due_us < INT64_MAX);
    if (due_us > fixture_now_us())
        false_time_pass_ms((due_us - fixture_now_us() + 999) / 1000);
    fixture.errand = holding_send(&fixture.holding, fixture_now_us());
    fixture.sent = (struct holding_sent){fixture_now_us(), clock_boot_us()};
    assert_int_equal(fixture.errand.kind, kind);
    assert_string_equal(fixture.errand.token, "token");
}

void fixture_answer(const struct verdict *verdict)
{
    holding_answered(&fixture.holding, &fixture.errand, verdict, fixture.sent, fixture_now_us());
}

void fixture_grant(uint32_t attempt)
{
    fixture_answer(&(struct verdict){.granted = true, .attempt = attempt, .since_ms = SERVER_MS, .now_ms = SERVER_MS});
}

void fixture_refuse(int64_t left_ms, unsigned place)
{
    fixture_answer(&(struct verdict){.attempt = 7, .left_ms = left_ms, .place = place, .held = 3, .holder = "other"});
}

void fixture_error(const struct error *error)
{
    holding_refused(&fixture.holding, &fixture.errand, error, fixture_now_us());
}

void fixture_silence(void)
{
    holding_unanswered(&fixture.holding, &fixture_away, fixture_now_us());
}

void fixture_assert(enum holding_state state, enum taskledger_lease_result result)
{
    holding_look(&fixture.holding, fixture_now_us());
    assert_int_equal(fixture.holding.state, state);
    assert_int_equal(fixture.holding.result, result);
}

void fixture_hold_a_claim(void)
{
    fixture_ask(false, 0, 0);
    fixture_send(ERRAND_ASK);
    fixture_grant((uint32_t)(SERVER_MS / 1000 - 1577836800));
    fixture_assert(HOLDING_HELD, TASKLEDGER_GRANTED);
}
