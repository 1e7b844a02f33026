#include "producer/emit/run/admission.h"

#include "producer/emit/console.h"
#include "producer/emit/delivery.h"
#include "producer/emit/run/slot.h"
#include "proto/clock.h"
#include "proto/rfc3339.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    STEP_MS = 100,         /* while waiting: how soon it is seen that somebody wants an end */
    TELL_QUEUED_MS = 1000, /* what is granted sooner was not worth a word */
    AGAIN_MS = 500,        /* how often it is asked again, and a place on this host tried for */
    LOOK_MS = 1000,        /* while held */
    CLOSE_MS = 300,
    PERMIT_LIMIT_MAX = 10000,
};

static int64_t now_us(void)
{
    return clock_system()->monotonic_us(clock_system()->self);
}

/* ---- what is needed ---------------------------------------------------------------------------------------------- */

/* NAME:N; the name may have colons of its own. */
static bool parse_permit(struct admission *admission, const char *text, struct error *error)
{
    const char *colon = strrchr(text, ':');
    char *end;
    long limit = colon == NULL ? 0 : strtol(colon + 1, &end, 10);
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);

    if (length == 0 || length >= sizeof admission->permit_name || strpbrk(text, "{}") != NULL)
        return error_set(error, ERROR_FATAL, "usage",
                         "--permit: expected NAME:N, with a name of at most %d bytes without braces, found \"%.120s\"",
                         ADMISSION_NAME_BYTES_MAX - 1, text);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || limit < 1 || limit > PERMIT_LIMIT_MAX)
        return error_set(error, ERROR_FATAL, "usage",
                         "--permit: expected a number from 1 to %d behind %.*s:, found \"%.40s\"", PERMIT_LIMIT_MAX,
                         (int)length, text, colon + 1);
    memcpy(admission->permit_name, text, length);
    admission->permit_limit = (uint32_t)limit;
    return true;
}

static bool check_claim(const struct configuration *configuration, struct error *error)
{
    if (configuration->task_id == NULL)
        return error_set(error, ERROR_FATAL, "usage", "--claim: expected a --task-id too: a new one is nobody else's");
    if (configuration->attempt != 1)
        return error_set(error, ERROR_FATAL, "usage", "--claim: expected no --attempt: the claim gives it");
    return true;
}

bool admission_init(struct admission *admission, const struct configuration *configuration, struct child *child,
                    struct error *error)
{
    *admission = (struct admission){.configuration = configuration, .child = child, .slot = -1};

    if (configuration->claim && !check_claim(configuration, error))
        return false;
    if (configuration->permit != NULL && !parse_permit(admission, configuration->permit, error))
        return false;
    if ((configuration->claim || configuration->permit != NULL) && !configuration->enabled)
        return error_set(error, ERROR_FATAL, "config", "neither --claim nor --permit with TASKLEDGER_ENABLED=0");
    return (!configuration->claim || delivery_open(configuration, &admission->claims, error)) &&
           (configuration->permit == NULL || delivery_open(configuration, &admission->permits, error));
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* Once, when it takes longer; `account` may be NULL. */
static void tell_queued(struct admission *admission, const struct account *account)
{
    if (account == NULL || now_us() < admission->tell_queued_us)
        return;
    account_queued(account, admission->permit_name);
    admission->tell_queued_us = INT64_MAX;
}

static bool has_claim(const struct admission *admission)
{
    return admission->claim == NULL || taskledger_lease_is_held(admission->claim);
}

/* TASKLEDGER_WAITING: somebody wants an end, or the claim is lost. */
static enum taskledger_lease_result decide(struct admission *admission, struct taskledger_lease *lease,
                                           struct taskledger_holder *holder, const struct account *account)
{
    const struct child_until at_once = {.deadline_us = 0, .fd = -1};
    enum taskledger_lease_result result;

    while ((result = taskledger_lease_wait(lease, STEP_MS, holder)) == TASKLEDGER_WAITING) {
        if (child_pause(admission->child, &at_once) || !has_claim(admission))
            break;
        tell_queued(admission, account);
    }
    return result;
}

static enum admission_answer describe_holder(const char *task_id, const struct taskledger_holder *holder,
                                             struct error *error)
{
    char since[RFC3339_TEXT_BYTES];

    rfc3339_format(holder->since_us, since);
    error_set(error, ERROR_FATAL, "held", "%s is claimed by %s since %s, for another %.1f s unless that is renewed",
              task_id, holder->name, since, (double)holder->left_ms / 1000.0);
    return ADMISSION_HELD;
}

/* Redis is away, or what we ask for is not valid. */
static enum admission_answer unknown(enum taskledger_lease_result result, const char *what, const char *name,
                                     struct error *error)
{
    char reason[ERROR_TEXT_MAX];

    field_reword(taskledger_lease_reason(), configuration_run_names, reason);
    if (result == TASKLEDGER_LEASE_INVALID)
        error_set(error, ERROR_FATAL, "usage", "%s", reason);
    else
        error_set(error, ERROR_FATAL, "away", "who has %s %s is not known: %s", what, name, reason);
    return ADMISSION_UNKNOWN;
}

/* Before asking again: while Redis is away, and while there is no place on this host. False when it is no use to wait
 * any longer, or somebody wants an end. `why` is told once; NULL: nothing to tell. */
static bool wait_a_little(struct admission *admission, int64_t deadline_us, const char *why)
{
    const struct child_until soon = {.deadline_us = clock_deadline_us(clock_system(), AGAIN_MS), .fd = -1};

    if (now_us() >= deadline_us || admission->child->wanted_end != 0)
        return false;
    if (why != NULL && !admission->told_away)
        console_say("%s; waiting", why);
    admission->told_away = admission->told_away || why != NULL;
    return !child_pause(admission->child, &soon);
}

/* ---- claims ------------------------------------------------------------------------------------------------------ */

static enum taskledger_lease_result ask_for_claim(struct admission *admission, const char *task_id, int64_t deadline_us,
                                                  struct taskledger_lease **lease, struct taskledger_holder *holder)
{
    struct taskledger_claim_request request = TASKLEDGER_CLAIM_INIT;

    request.task_id = task_id;
    request.lease_ms = (int32_t)admission->configuration->lease_ms;
    request.wait_ms = clock_left_ms(clock_system(), deadline_us);
    enum taskledger_lease_result result = taskledger_claim_ask(admission->claims, &request, lease);
    return result == TASKLEDGER_WAITING ? decide(admission, *lease, holder, NULL) : result;
}

enum admission_answer admission_claim(struct admission *admission, const char *task_id, uint32_t *attempt,
                                      struct error *error)
{
    int64_t deadline_us = clock_deadline_us(clock_system(), admission->configuration->claim_wait_ms);
    struct taskledger_holder holder = TASKLEDGER_HOLDER_INIT;
    struct taskledger_lease *lease;

    if (admission->claims == NULL)
        return ADMISSION_GRANTED;
    do {
        enum taskledger_lease_result result = ask_for_claim(admission, task_id, deadline_us, &lease, &holder);

        if (result == TASKLEDGER_GRANTED) {
            admission->claim = lease;
            admission->claimed_us = now_us();
            *attempt = taskledger_lease_attempt(lease);
            return ADMISSION_GRANTED;
        }
        taskledger_lease_release(lease);
        if (result == TASKLEDGER_HELD)
            return describe_holder(task_id, &holder, error);
        unknown(result, "the claim of", task_id, error);
        if (result == TASKLEDGER_LEASE_INVALID)
            break;
    } while (wait_a_little(admission, deadline_us, error->text));
    return admission->child->wanted_end != 0 ? ADMISSION_STOPPED : ADMISSION_UNKNOWN;
}

/* ---- permits ----------------------------------------------------------------------------------------------------- */

static enum admission_answer no_permit(const struct admission *admission, struct error *error)
{
    error_set(error, ERROR_FATAL, "held", "no permit of %s became free within %.1f s", admission->permit_name,
              (double)admission->configuration->permit_wait_ms / 1000.0);
    return ADMISSION_HELD;
}

/* The library counts within this process, in which there is no other; so the host is counted here. */
static bool has_place(struct admission *admission, struct taskledger_lease *lease)
{
    if (!taskledger_lease_is_local(lease))
        return true;
    admission->slot = slot_take(admission->permit_name, admission->configuration->permit_local);
    if (admission->slot >= 0)
        console_say("Redis is away: the permit of %s is one of the %" PRId64 " of this host", admission->permit_name,
                    admission->configuration->permit_local);
    return admission->slot >= 0;
}

/* HELD: not in time, or just now there is no place on this host. */
static enum taskledger_lease_result ask_for_permit(struct admission *admission, int64_t deadline_us,
                                                   const struct account *account)
{
    struct taskledger_permit_request request = TASKLEDGER_PERMIT_INIT;
    struct taskledger_lease *lease;

    request.name = admission->permit_name;
    request.limit = admission->permit_limit;
    request.local_limit = (uint32_t)admission->configuration->permit_local;
    request.lease_ms = (int32_t)admission->configuration->lease_ms;
    request.wait_ms = clock_left_ms(clock_system(), deadline_us);
    enum taskledger_lease_result result = taskledger_permit_ask(admission->permits, &request, &lease);

    if (result == TASKLEDGER_WAITING)
        result = decide(admission, lease, NULL, account);
    if (result == TASKLEDGER_GRANTED && has_place(admission, lease)) {
        admission->permit = lease;
        return TASKLEDGER_GRANTED;
    }
    taskledger_lease_release(lease);
    return result == TASKLEDGER_GRANTED ? TASKLEDGER_HELD : result;
}

enum admission_answer admission_permit(struct admission *admission, const struct account *account, struct error *error)
{
    int64_t deadline_us = clock_deadline_us(clock_system(), admission->configuration->permit_wait_ms);
    enum taskledger_lease_result result;
    enum admission_answer answer;

    if (admission->permits == NULL)
        return ADMISSION_GRANTED;
    admission->tell_queued_us = clock_deadline_us(clock_system(), TELL_QUEUED_MS);
    do {
        result = ask_for_permit(admission, deadline_us, account);
        if (!has_claim(admission))
            return ADMISSION_LOST;
        if (result == TASKLEDGER_GRANTED)
            return ADMISSION_GRANTED;
        answer = result == TASKLEDGER_HELD ? no_permit(admission, error)
                                           : unknown(result, "permits of", admission->permit_name, error);
        tell_queued(admission, account);
    } while (result != TASKLEDGER_LEASE_INVALID &&
             wait_a_little(admission, deadline_us, result == TASKLEDGER_HELD ? NULL : error->text));
    return admission->child->wanted_end != 0 ? ADMISSION_STOPPED : answer;
}

/* ---- while held -------------------------------------------------------------------------------------------------- */

static int32_t least_left_ms(const struct admission *admission)
{
    int32_t left_ms = LOOK_MS;

    if (admission->claim != NULL && taskledger_lease_left_ms(admission->claim) < left_ms)
        left_ms = taskledger_lease_left_ms(admission->claim);
    return left_ms;
}

int64_t admission_look_us(const struct admission *admission)
{
    if (admission->claim == NULL && admission->permit == NULL)
        return INT64_MAX;
    return clock_deadline_us(clock_system(), least_left_ms(admission));
}

bool admission_is_held(struct admission *admission)
{
    if (admission->permit != NULL && !admission->told_permit_lost && !taskledger_lease_is_held(admission->permit)) {
        console_say("the permit of %s is lost: Redis was away for longer than the lease, or we were stopped; the "
                    "command goes on",
                    admission->permit_name);
        admission->told_permit_lost = true;
    }
    return has_claim(admission);
}

uint32_t admission_next_attempt(struct admission *admission, uint32_t attempt)
{
    return admission->claim == NULL ? attempt + 1 : taskledger_lease_next_attempt(admission->claim);
}

void admission_return_permit(struct admission *admission)
{
    taskledger_lease_release(admission->permit);
    admission->permit = NULL;
    admission->told_permit_lost = false;
    if (admission->slot >= 0)
        close(admission->slot);
    admission->slot = -1;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* Not if it is lost: then there is nothing to keep. */
static bool is_to_be_kept(const struct admission *admission)
{
    const struct configuration *configuration = admission->configuration;

    return configuration->claim_keep && taskledger_lease_is_held(admission->claim) &&
           now_us() - admission->claimed_us < configuration->lease_ms * 1000;
}

bool admission_close(struct admission *admission, bool did_run)
{
    admission_return_permit(admission);
    taskledger_close(admission->permits, CLOSE_MS);
    if (did_run && admission->claim != NULL && is_to_be_kept(admission))
        return true;
    taskledger_lease_release(admission->claim);
    taskledger_close(admission->claims, CLOSE_MS);
    return false;
}
