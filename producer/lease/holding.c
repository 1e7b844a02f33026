#include "producer/lease/holding.h"

#include "producer/lease/claim.h"
#include "producer/lease/permit.h"
#include "proto/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    POLL_MS = 50, /* at first, or for the next in a line; */
    POLL_MS_MAX = 1000,
    RETRY_MS = 200, /* after an error answer */
    RENEWALS = 3,   /* in the time of a lease */
    MARGIN = 50,    /* a fiftieth of a lease is not relied on: clocks differ in how fast they go */
};

static int64_t lease_us(const struct holding *holding)
{
    return INT64_C(1000) * holding->terms.lease_ms;
}

/* Until when it may be relied on, when it was granted by what was sent then. */
static int64_t relied_until_us(const struct holding *holding, struct holding_sent sent)
{
    return sent.at_boot_us + lease_us(holding) - lease_us(holding) / MARGIN;
}

static int64_t wait_end_us(const struct holding *holding)
{
    return holding->asked_us + INT64_C(1000) * holding->terms.wait_ms;
}

void holding_init(struct holding *holding, const struct terms *terms, const char *token, int64_t now_us)
{
    *holding = (struct holding){
        .terms = *terms,
        .result = TASKLEDGER_WAITING,
        .errand = ERRAND_ASK,
        .due_us = now_us,
        .asked_us = now_us,
        .answer_by_us = now_us + INT64_C(1000) * terms->timeout_ms,
    };
    snprintf(holding->token, sizeof holding->token, "%s", token);
}

/* ---- errands ----------------------------------------------------------------------------------------------------- */

int64_t holding_due_us(const struct holding *holding)
{
    return holding->errand == ERRAND_NONE ? INT64_MAX : holding->due_us;
}

bool holding_hurry(struct holding *holding, int64_t now_us)
{
    if (holding->errand != ERRAND_ASK || holding->due_us <= now_us)
        return false;
    holding->due_us = now_us;
    return true;
}

struct errand holding_send(struct holding *holding, int64_t now_us)
{
    holding->known = true;
    return (struct errand){
        .kind = holding->errand,
        .terms = &holding->terms,
        .token = holding->token,
        .in_line = now_us < wait_end_us(holding),
        .attempt = holding->attempt_due,
        .since_ms = holding->since_ms,
    };
}

static void plan(struct holding *holding, enum errand_kind errand, int64_t due_us)
{
    holding->errand = errand;
    holding->due_us = due_us;
}

/* Redis is not to keep what it may know. */
static void plan_release(struct holding *holding, int64_t now_us)
{
    plan(holding, holding->known ? ERRAND_RELEASE : ERRAND_NONE, now_us);
    holding->give_up_us = now_us + lease_us(holding) + INT64_C(1000) * PERMIT_TICKET_MS;
}

static void decide(struct holding *holding, enum holding_state state, enum taskledger_lease_result result)
{
    holding->state = state;
    holding->result = result;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static void note_attempt(struct holding *holding, const struct verdict *verdict)
{
    holding->attempt_told = verdict->attempt;
    if (holding->attempt_due < verdict->attempt)
        holding->attempt_due = verdict->attempt;
    holding->attempt_sure = claim_attempt_at(verdict->now_ms);
    holding->attempt_free = claim_attempt_at(verdict->now_ms + holding->terms.lease_ms);
    holding->since_ms = verdict->since_ms;
}

/* What comes later than the lease lasts is asked for again: Redis then makes it last. */
static void granted(struct holding *holding, const struct verdict *verdict, struct holding_sent sent, int64_t now_us)
{
    if (!tenure_begin(&holding->tenure, relied_until_us(holding, sent))) {
        plan(holding, ERRAND_ASK, now_us);
        return;
    }
    decide(holding, HOLDING_HELD, TASKLEDGER_GRANTED);
    plan(holding, ERRAND_RENEW, sent.at_us + lease_us(holding) / RENEWALS);
    if (holding->terms.is_permit)
        return;
    note_attempt(holding, verdict);
    holding->attempt = verdict->attempt;
}

static void tell_who_has_it(struct holding *holding)
{
    const struct verdict *verdict = &holding->verdict;

    if (holding->terms.is_permit)
        error_set(&holding->why, ERROR_REJECTED, "held", "\"%s\": %u held, at most %u; %u must be given back first",
                  holding->terms.name, verdict->held, holding->terms.limit, verdict->place);
    else
        error_set(&holding->why, ERROR_REJECTED, "held",
                  "\"%s\" is held by \"%s\" with attempt %" PRIu32 ", for another %" PRId64 " ms if it is not renewed",
                  holding->terms.name, verdict->holder, verdict->attempt, verdict->left_ms);
}

/* How long to wait before asking again. */
static int64_t poll_us(const struct holding *holding)
{
    int64_t poll_ms = POLL_MS;

    if (holding->terms.is_permit)
        poll_ms *= holding->verdict.place > 0 ? holding->verdict.place : 1;
    else
        poll_ms <<= holding->refusals < 5 ? holding->refusals : 5;
    if (poll_ms > POLL_MS_MAX)
        poll_ms = POLL_MS_MAX;
    if (!holding->terms.is_permit && holding->verdict.left_ms < poll_ms)
        poll_ms = holding->verdict.left_ms + 1;
    return 1000 * poll_ms;
}

static void taken(struct holding *holding, const struct errand *errand, const struct verdict *verdict, int64_t now_us)
{
    int64_t next_us;

    holding->verdict = *verdict;
    holding->known = holding->in_doubt || (holding->terms.is_permit && errand->in_line);
    if (now_us >= wait_end_us(holding)) {
        tell_who_has_it(holding);
        decide(holding, HOLDING_TAKEN, TASKLEDGER_HELD);
        plan_release(holding, now_us);
        return;
    }
    next_us = now_us + poll_us(holding);
    if (next_us > wait_end_us(holding))
        next_us = wait_end_us(holding);
    holding->refusals++;
    holding->answer_by_us = next_us + INT64_C(1000) * holding->terms.timeout_ms;
    plan(holding, ERRAND_ASK, next_us);
}

/* ---- renewing ---------------------------------------------------------------------------------------------------- */

static void lose(struct holding *holding)
{
    tenure_end(&holding->tenure);
    holding->state = HOLDING_LOST;
}

static void renewed(struct holding *holding, const struct verdict *verdict, struct holding_sent sent, int64_t now_us)
{
    if (!tenure_extend(&holding->tenure, relied_until_us(holding, sent))) {
        lose(holding);
        plan_release(holding, now_us);
        return;
    }
    plan(holding, ERRAND_RENEW, sent.at_us + lease_us(holding) / RENEWALS);
    if (holding->terms.is_permit)
        return;
    note_attempt(holding, verdict);
    if (holding->attempt_due > holding->attempt_told)
        holding->due_us = now_us;
}

static void given_to_others(struct holding *holding, const struct verdict *verdict)
{
    holding->verdict = *verdict;
    holding->known = false;
    tell_who_has_it(holding);
    lose(holding);
    plan(holding, ERRAND_NONE, 0);
}

/* ---- what came of it --------------------------------------------------------------------------------------------- */

void holding_answered(struct holding *holding, const struct errand *errand, const struct verdict *verdict,
                      struct holding_sent sent, int64_t now_us)
{
    if (errand->kind != holding->errand)
        return; /* something else is wanted meanwhile */
    switch (errand->kind) {
    case ERRAND_ASK:
        verdict->granted ? granted(holding, verdict, sent, now_us) : taken(holding, errand, verdict, now_us);
        break;
    case ERRAND_RENEW:
        verdict->granted ? renewed(holding, verdict, sent, now_us) : given_to_others(holding, verdict);
        break;
    case ERRAND_RELEASE:
    case ERRAND_NONE:
        plan(holding, ERRAND_NONE, 0);
        break;
    }
}

void holding_refused(struct holding *holding, const struct errand *errand, const struct error *error, int64_t now_us)
{
    if (errand->kind != holding->errand)
        return;
    holding->why = *error;
    holding->due_us = now_us + INT64_C(1000) * RETRY_MS;
    if (error->kind != ERROR_FATAL || errand->kind == ERRAND_RENEW)
        return; /* an operator may mend it while the lease lasts */
    if (errand->kind == ERRAND_RELEASE) {
        plan(holding, ERRAND_NONE, 0);
        return;
    }
    if (holding->terms.local_limit > 0)
        return;
    decide(holding, HOLDING_AWAY, TASKLEDGER_AWAY);
    plan_release(holding, now_us);
}

void holding_unanswered(struct holding *holding, const struct error *error, int64_t now_us)
{
    holding->in_doubt = true;
    holding->why = *error;
    if (holding->due_us < now_us)
        holding->due_us = now_us;
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static void give_up(struct holding *holding, int64_t now_us)
{
    struct error why = holding->why;

    error_set(&holding->why, ERROR_TRANSIENT, "away", "Redis did not answer in %d ms%s%s", holding->terms.timeout_ms,
              why.kind == ERROR_NONE ? "" : ": ", why.kind == ERROR_NONE ? "" : why.text);
    decide(holding, HOLDING_AWAY, TASKLEDGER_AWAY);
    plan_release(holding, now_us);
}

void holding_look(struct holding *holding, int64_t now_us)
{
    if (holding->state == HOLDING_ASKED && holding->terms.local_limit == 0 && now_us >= holding->answer_by_us)
        give_up(holding, now_us);
    if (holding->state == HOLDING_HELD && !tenure_is_held(&holding->tenure)) {
        lose(holding);
        plan_release(holding, now_us);
    }
    if (holding->errand == ERRAND_RELEASE && now_us >= holding->give_up_us)
        plan(holding, ERRAND_NONE, 0);
}

int64_t holding_change_us(const struct holding *holding, int64_t now_us)
{
    int64_t first_us = holding->answer_by_us;
    int64_t second_us = wait_end_us(holding);

    if (holding->state != HOLDING_ASKED)
        return INT64_MAX;
    if (first_us <= now_us || (second_us > now_us && second_us < first_us))
        first_us = second_us;
    return first_us > now_us ? first_us : INT64_MAX;
}

/* ---- the local limit --------------------------------------------------------------------------------------------- */

bool holding_wants_local(const struct holding *holding, bool known_away, int64_t now_us)
{
    return holding->state == HOLDING_ASKED && holding->terms.local_limit > 0 &&
           (known_away || now_us >= holding->answer_by_us);
}

void holding_grant_local(struct holding *holding, int64_t now_us)
{
    tenure_begin(&holding->tenure, TENURE_ENDLESS);
    decide(holding, HOLDING_LOCAL, TASKLEDGER_GRANTED);
    plan_release(holding, now_us);
}

void holding_refuse_local(struct holding *holding, int64_t now_us)
{
    if (now_us < wait_end_us(holding))
        return;
    error_set(&holding->why, ERROR_REJECTED, "held", "\"%s\": Redis is away, and the local limit of %u is used up",
              holding->terms.name, holding->terms.local_limit);
    decide(holding, HOLDING_TAKEN, TASKLEDGER_HELD);
    plan_release(holding, now_us);
}

/* ---- the caller -------------------------------------------------------------------------------------------------- */

void holding_return(struct holding *holding, int64_t now_us)
{
    tenure_end(&holding->tenure);
    if (holding->state == HOLDING_ASKED || holding->state == HOLDING_HELD)
        plan_release(holding, now_us);
    if (holding->result == TASKLEDGER_WAITING) {
        error_set(&holding->why, ERROR_TRANSIENT, "closed", "the producer is being closed");
        holding->result = TASKLEDGER_AWAY;
    }
    holding->state = HOLDING_RETURNED;
}

static bool has_claim(const struct holding *holding)
{
    return holding->state == HOLDING_HELD && !holding->terms.is_permit;
}

/* Whoever comes after us gets a number that is not smaller than the time at which our lease ends; where Redis has
 * forgotten us, not smaller than when it did. */
uint32_t holding_next_attempt(struct holding *holding, enum holding_hearing *hearing, int64_t now_us)
{
    if (!has_claim(holding) || !tenure_is_held(&holding->tenure) || holding->attempt_due == EVENT_ATTEMPT_MAX)
        return 0;
    holding->attempt_due++;
    holding->due_us = now_us;
    *hearing = holding->attempt_due < holding->attempt_sure   ? HOLDING_NEED_NOT_HEAR
               : holding->attempt_due < holding->attempt_free ? HOLDING_SHOULD_HEAR
                                                              : HOLDING_MUST_HEAR;
    return holding->attempt_due;
}

bool holding_use_attempt(struct holding *holding, uint32_t attempt, enum holding_hearing hearing)
{
    if (!has_claim(holding) || (hearing == HOLDING_MUST_HEAR && holding->attempt_told < attempt))
        return false;
    if (holding->attempt < attempt)
        holding->attempt = attempt;
    return true;
}
