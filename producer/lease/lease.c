#include "producer/taskledger/lease.h"

#include "producer/lease/clerk.h"
#include "producer/lease/desk.h"
#include "producer/lease/terms.h"
#include "producer/producer_inside.h"
#include "proto/clock.h"
#include "proto/error.h"
#include "proto/thread.h"

#include <stdio.h>

static _Thread_local char last_reason[ERROR_TEXT_MAX];

const char *taskledger_lease_result_name(enum taskledger_lease_result result)
{
    static const char *const names[] = {
        [TASKLEDGER_GRANTED] = "granted",       [TASKLEDGER_HELD] = "held",       [TASKLEDGER_AWAY] = "away",
        [TASKLEDGER_LEASE_INVALID] = "invalid", [TASKLEDGER_WAITING] = "waiting",
    };
    size_t number = (size_t)result;

    return number < sizeof names / sizeof names[0] ? names[number] : "unknown";
}

const char *taskledger_lease_reason(void)
{
    return last_reason;
}

static enum taskledger_lease_result tell(enum taskledger_lease_result result, const struct error *why)
{
    snprintf(last_reason, sizeof last_reason, "%s", result == TASKLEDGER_GRANTED ? "" : why->text);
    return result;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* Of one kind or the other. */
struct request {
    bool is_permit;
    const struct taskledger_claim_request *claim;
    const struct taskledger_permit_request *permit;
};

static bool read_terms(const struct request *request, const struct desk *desk, struct terms *terms, struct error *error)
{
    return request->is_permit ? terms_of_permit(request->permit, desk_worker(desk), terms, error)
                              : terms_of_claim(request->claim, desk_worker(desk), terms, error);
}

static struct taskledger_lease *ask_at(struct desk *desk, struct taskledger_producer *producer,
                                       const struct terms *terms, struct error *error)
{
    struct taskledger_lease *lease = desk_ask(desk, terms, error);

    if (lease == NULL || clerk_ensure(desk, producer_settings(producer), error))
        return lease;
    desk_return(lease);
    return NULL;
}

static enum taskledger_lease_result ask(struct taskledger_producer *producer, const struct request *request,
                                        struct taskledger_lease **lease, struct error *error)
{
    struct desk *desk = producer_desk(producer, error);
    struct terms terms;

    if (desk == NULL)
        return TASKLEDGER_AWAY;
    if (!read_terms(request, desk, &terms, error))
        return TASKLEDGER_LEASE_INVALID;
    *lease = ask_at(desk, producer, &terms, error);
    return *lease == NULL ? TASKLEDGER_AWAY : TASKLEDGER_WAITING;
}

static enum taskledger_lease_result ask_shielded(struct taskledger_producer *producer, const struct request *request,
                                                 struct taskledger_lease **lease)
{
    struct error why = {.text = ""};

    *lease = NULL;
    int shield = thread_shield();
    enum taskledger_lease_result result = ask(producer, request, lease, &why);
    thread_unshield(shield);
    return tell(result, &why);
}

enum taskledger_lease_result taskledger_claim_ask(struct taskledger_producer *producer,
                                                  const struct taskledger_claim_request *request,
                                                  struct taskledger_lease **lease)
{
    return ask_shielded(producer, &(struct request){.claim = request}, lease);
}

enum taskledger_lease_result taskledger_permit_ask(struct taskledger_producer *producer,
                                                   const struct taskledger_permit_request *request,
                                                   struct taskledger_lease **lease)
{
    return ask_shielded(producer, &(struct request){.is_permit = true, .permit = request}, lease);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static enum taskledger_lease_result wait_until(struct taskledger_lease *lease, int64_t deadline_us,
                                               struct taskledger_holder *holder)
{
    struct error why = {.text = "held by the process that this one was forked from"};
    enum taskledger_lease_result result = TASKLEDGER_AWAY;

    int shield = thread_shield();
    if (desk_knows(lease))
        result = desk_wait(lease, deadline_us, holder, &why);
    thread_unshield(shield);
    return tell(result, &why);
}

enum taskledger_lease_result taskledger_lease_wait(struct taskledger_lease *lease, int32_t timeout_ms,
                                                   struct taskledger_holder *holder)
{
    static const struct error none = {.text = "there is no lease"};
    int32_t wait_ms = timeout_ms > 0 ? timeout_ms : 0;

    if (lease == NULL)
        return tell(TASKLEDGER_AWAY, &none);
    return wait_until(lease, clock_deadline_us(clock_system(), wait_ms), holder);
}

/* It is decided when its own time is over, at the latest. */
static enum taskledger_lease_result wait_for(enum taskledger_lease_result asked, struct taskledger_lease **lease,
                                             struct taskledger_holder *holder)
{
    if (asked != TASKLEDGER_WAITING)
        return asked;
    enum taskledger_lease_result result = wait_until(*lease, INT64_MAX, holder);
    if (result != TASKLEDGER_GRANTED) {
        taskledger_lease_release(*lease);
        *lease = NULL;
    }
    return result;
}

enum taskledger_lease_result taskledger_claim(struct taskledger_producer *producer,
                                              const struct taskledger_claim_request *request,
                                              struct taskledger_lease **lease, struct taskledger_holder *holder)
{
    return wait_for(taskledger_claim_ask(producer, request, lease), lease, holder);
}

enum taskledger_lease_result taskledger_permit(struct taskledger_producer *producer,
                                               const struct taskledger_permit_request *request,
                                               struct taskledger_lease **lease)
{
    return wait_for(taskledger_permit_ask(producer, request, lease), lease, NULL);
}

/* ---- while held -------------------------------------------------------------------------------------------------- */

static bool is_ours(const struct taskledger_lease *lease)
{
    return lease != NULL && desk_knows(lease);
}

uint32_t taskledger_lease_attempt(struct taskledger_lease *lease)
{
    return is_ours(lease) ? desk_attempt(lease) : 0;
}

uint32_t taskledger_lease_next_attempt(struct taskledger_lease *lease)
{
    uint32_t attempt = 0;

    if (!is_ours(lease))
        return 0;
    int shield = thread_shield();
    attempt = desk_next_attempt(lease);
    thread_unshield(shield);
    return attempt;
}

int taskledger_lease_is_local(struct taskledger_lease *lease)
{
    return is_ours(lease) && desk_is_local(lease);
}

int taskledger_lease_is_held(struct taskledger_lease *lease)
{
    return is_ours(lease) && desk_left_us(lease) > 0;
}

int32_t taskledger_lease_left_ms(struct taskledger_lease *lease)
{
    int64_t left_ms = is_ours(lease) ? desk_left_us(lease) / 1000 : 0;

    return left_ms < INT32_MAX ? (int32_t)left_ms : INT32_MAX;
}

void taskledger_lease_release(struct taskledger_lease *lease)
{
    if (lease == NULL)
        return;
    int shield = thread_shield();
    if (desk_knows(lease))
        desk_return(lease);
    else
        desk_forget(lease);
    thread_unshield(shield);
}
