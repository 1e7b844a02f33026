#include "producer/emit/run/attempts.h"

#include "producer/emit/console.h"
#include "producer/emit/run/attempt.h"
#include "producer/emit/run/retry.h"
#include "producer/emit/step.h"
#include "proto/clock.h"

#include <inttypes.h>
#include <unistd.h>

/* Between two attempts. */
struct pause {
    const struct attempts *attempts;
    const struct outcome *failed;
    const struct step *step;
    int64_t end_us;
    int64_t heartbeat_us;
};

static int64_t now_us(void)
{
    return clock_system()->monotonic_us(clock_system()->self);
}

static void tell(struct pause *pause)
{
    int64_t heartbeat_ms = pause->attempts->configuration->heartbeat_ms;

    account_retry(pause->attempts->account, pause->failed, pause->step, pause->end_us - now_us());
    pause->heartbeat_us = heartbeat_ms == 0 ? INT64_MAX : now_us() + heartbeat_ms * 1000;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* False when somebody wanted an end, or the claim is lost. */
static bool sit_out(struct pause *pause)
{
    struct admission *admission = pause->attempts->admission;

    tell(pause);
    while (now_us() < pause->end_us) {
        int64_t due_us = earlier(pause->heartbeat_us, admission_look_us(admission));
        const struct child_until until = {.deadline_us = earlier(due_us, pause->end_us), .fd = -1};

        if (child_pause(pause->attempts->child, &until) || !admission_is_held(admission))
            return false;
        if (now_us() >= pause->heartbeat_us && now_us() < pause->end_us)
            tell(pause);
    }
    return true;
}

static void stop(const struct attempts *attempts, struct outcome *outcome)
{
    *outcome = (struct outcome){.kind = OUTCOME_STOPPED, .wanted_end = attempts->child->wanted_end};
    outcome_describe(outcome, 0);
}

/* It is what the last attempt ended with, as far as that goes. */
static void lose_claim(struct outcome *outcome, enum outcome_kind kind)
{
    outcome->kind = kind;
    outcome_describe(outcome, 0);
    console_say("%s", outcome->message);
}

/* False: it is not, and `*outcome` tells why. */
static bool is_permitted(const struct attempts *attempts, struct outcome *outcome)
{
    struct error error = {.kind = ERROR_NONE};
    enum admission_answer answer = admission_permit(attempts->admission, attempts->account, &error);

    if (answer == ADMISSION_GRANTED)
        return true;
    *outcome = (struct outcome){.wanted_end = attempts->child->wanted_end};
    if (answer == ADMISSION_STOPPED) {
        stop(attempts, outcome);
    } else if (answer == ADMISSION_LOST) {
        lose_claim(outcome, OUTCOME_CLAIM_GONE);
    } else {
        outcome_describe_error(outcome, answer == ADMISSION_HELD ? OUTCOME_NO_PERMIT : OUTCOME_NO_ANSWER, &error);
        console_say("%s", outcome->message);
    }
    return false;
}

/* From its RUNNING on. */
static bool begin(const struct attempts *attempts, struct step *step, struct outcome *outcome, struct error *error)
{
    const struct account *account = attempts->account;
    const struct attempt attempt = {
        .configuration = attempts->configuration,
        .account = account,
        .admission = attempts->admission,
        .child = attempts->child,
        .step = step,
        .words = attempts->words,
        .environment = attempts->surroundings->entries,
    };

    if (!account_running(account, error))
        return false;
    surroundings_set_attempt(attempts->surroundings, account->event.attempt);
    attempt_make(&attempt, outcome);
    return true;
}

/* One attempt; its end is not yet told. */
static bool make_one(const struct attempts *attempts, struct step *step, struct outcome *outcome, struct error *error)
{
    bool is_valid = true;

    step_open(step, attempts->account->event.task_id, attempts->account->event.attempt);
    if (is_permitted(attempts, outcome))
        is_valid = begin(attempts, step, outcome, error);
    admission_return_permit(attempts->admission);
    return is_valid;
}

/* The wait before the next attempt, and its number. False when there will be none: `*outcome` tells why. */
static bool get_ready(struct pause *pause, struct outcome *outcome)
{
    const struct attempts *attempts = pause->attempts;
    struct taskledger_event *event = &attempts->account->event;
    uint32_t next = sit_out(pause) ? admission_next_attempt(attempts->admission, event->attempt) : 0;

    if (next != 0)
        event->attempt = next;
    else if (attempts->child->wanted_end != 0)
        stop(attempts, outcome);
    else
        lose_claim(outcome, OUTCOME_CLAIM_LOST);
    return next != 0;
}

/* After `failures` attempts that failed, this being the last of them. False when there is no other. */
static bool is_followed(const struct attempts *attempts, int64_t failures, const struct step *step,
                        struct outcome *outcome)
{
    const struct configuration *configuration = attempts->configuration;
    uint64_t random = (uint64_t)now_us() ^ ((uint64_t)getpid() << 32);
    int64_t wait_us = retry_wait_us(configuration->retry_delay_ms, failures, &random);
    struct pause pause = {.attempts = attempts, .failed = outcome, .step = step, .end_us = now_us() + wait_us};

    if (failures > configuration->retries || !outcome_is_worth_another(outcome))
        return false;
    console_say("%s: attempt %" PRIu32 " begins in %.1f s", outcome->message, attempts->account->event.attempt + 1,
                (double)wait_us / 1e6);
    return get_ready(&pause, outcome);
}

bool attempts_make(const struct attempts *attempts, struct outcome *outcome, struct error *error)
{
    struct step step;
    bool again;

    for (int64_t failures = 1;; failures++) {
        if (!make_one(attempts, &step, outcome, error)) {
            step_close(&step);
            return false;
        }
        again = is_followed(attempts, failures, &step, outcome);
        if (!again)
            account_end(attempts->account, outcome, &step);
        step_close(&step);
        if (!again)
            return true;
    }
}
