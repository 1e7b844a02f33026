/* holding_fixture: one holding, the clock, and what is sent for it. */
#ifndef TASKLEDGER_TESTS_SUPPORT_HOLDING_FIXTURE_H
#define TASKLEDGER_TESTS_SUPPORT_HOLDING_FIXTURE_H

#include "producer/lease/holding.h"

#include <stdbool.h>
#include <stdint.h>

enum { FIXTURE_LEASE_MS = 30000, FIXTURE_TIMEOUT_MS = 2000 };

/* What it is, what was sent for it last, and when. */
struct holding_fixture {
    struct holding holding;
    struct errand errand;
    struct holding_sent sent;
};

extern struct holding_fixture fixture;
extern const struct error fixture_away, fixture_forbidden, fixture_full;

int64_t fixture_now_us(void);

/* Ask for "name", with the token "token". */
void fixture_ask(bool is_permit, int wait_ms, unsigned local_limit);

/* Wait until its errand, which is of this kind, is due, and send it. */
void fixture_send(enum errand_kind kind);

/* What is answered to that. */
void fixture_answer(const struct verdict *verdict);
void fixture_grant(uint32_t attempt);
void fixture_refuse(int64_t left_ms, unsigned place);
void fixture_error(const struct error *error);
void fixture_silence(void);

void fixture_hold_a_claim(void);

void fixture_assert_due_in(int64_t ms);
void fixture_assert_nothing_due(void);
void fixture_assert(enum holding_state state, enum taskledger_lease_result result);

#endif
