#include "producer/lease/desk.h"

#include "producer/fork.h"
#include "producer/lease/desk_inside.h"
#include "proto/descriptors.h"
#include "proto/generation.h"
#include "proto/uuid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

/* ---- making and freeing ------------------------------------------------------------------------------------------ */

static void init_locks(struct desk *desk)
{
    pthread_condattr_t condition;

    pthread_mutex_init(&desk->lock, NULL);
    pthread_condattr_init(&condition);
    pthread_condattr_setclock(&condition, CLOCK_MONOTONIC);
    pthread_cond_init(&desk->work, &condition);
    pthread_cond_init(&desk->news, &condition);
    pthread_condattr_destroy(&condition);
}

static void abandon(void *self)
{
    struct desk *desk = self;

    redis_abandon(desk->redis);
    close(desk->cancel);
}

static bool equip(struct desk *desk, const struct settings *settings, struct error *error)
{
    struct redis_options options = settings_redis(settings);

    desk->cancel = descriptors_lift(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (desk->cancel < 0)
        return error_set_errno(error, ERROR_TRANSIENT, "descriptors", "could not get a descriptor for leases");
    options.cancel_descriptor = desk->cancel;
    desk->redis = redis_new(&options, error);
    if (desk->redis == NULL)
        return false;
    desk->fork_place = fork_own(abandon, desk);
    return true;
}

struct desk *desk_new(const struct settings *settings, struct error *error)
{
    struct desk *desk = calloc(1, sizeof *desk);

    if (desk == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for leases");
        return NULL;
    }
    atomic_init(&desk->owners, 1);
    desk->generation = generation_present();
    desk->cancel = -1;
    desk->fork_place = -1;
    settings_worker(settings, desk->worker);
    init_locks(desk);
    if (equip(desk, settings, error))
        return desk;
    desk_release(desk);
    return NULL;
}

struct desk *desk_hold(struct desk *desk)
{
    atomic_fetch_add(&desk->owners, 1);
    return desk;
}

void desk_release(struct desk *desk)
{
    if (atomic_fetch_sub(&desk->owners, 1) > 1)
        return;
    fork_disown(desk->fork_place);
    redis_free(desk->redis);
    if (desk->cancel >= 0)
        close(desk->cancel);
    pthread_cond_destroy(&desk->news);
    pthread_cond_destroy(&desk->work);
    pthread_mutex_destroy(&desk->lock);
    free(desk);
}

uint64_t desk_generation(const struct desk *desk)
{
    return desk->generation;
}

const char *desk_worker(const struct desk *desk)
{
    return desk->worker;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static bool make_token(char token[UUID_HEX_BYTES], struct error *error)
{
    uint8_t random[10];

    if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        return error_set_errno(error, ERROR_TRANSIENT, "random", "could not get randomness for a lease");
    struct uuid uuid = uuid_v7(clock_system()->unix_us(NULL), random);
    uuid_format_hex(&uuid, token);
    return true;
}

/* With the lock held. */
static bool has_room(const struct desk *desk, struct error *error)
{
    if (desk->is_closed)
        return error_set(error, ERROR_TRANSIENT, "closed", "the producer is being closed");
    if (desk->count >= DESK_LEASES_MAX)
        return error_set(error, ERROR_TRANSIENT, "full", "%d leases and requests, as many as there may be",
                         DESK_LEASES_MAX);
    return true;
}

static bool put(struct desk *desk, struct taskledger_lease *lease, struct error *error)
{
    pthread_mutex_lock(&desk->lock);
    bool has = has_room(desk, error);
    if (has) {
        desk_list_add(desk, lease);
        pthread_cond_signal(&desk->work);
    }
    pthread_mutex_unlock(&desk->lock);
    return has;
}

struct taskledger_lease *desk_ask(struct desk *desk, const struct terms *terms, struct error *error)
{
    struct taskledger_lease *lease = calloc(1, sizeof *lease);
    char token[UUID_HEX_BYTES];

    if (lease == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for a lease");
        return NULL;
    }
    if (make_token(token, error)) {
        holding_init(&lease->holding, terms, token, desk_now_us());
        lease->desk = desk;
        if (put(desk, lease, error))
            return lease;
    }
    free(lease);
    return NULL;
}

bool desk_knows(const struct taskledger_lease *lease)
{
    return lease->desk->generation == generation_present();
}

void desk_forget(struct taskledger_lease *lease)
{
    free(lease);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* As its caller knows the struct: older ones know a shorter one. */
static void tell_holder(const struct verdict *verdict, struct taskledger_holder *holder)
{
    struct taskledger_holder whole = {
        .struct_size = holder->struct_size,
        .attempt = verdict->attempt,
        .left_ms = verdict->left_ms < INT32_MAX ? (int32_t)verdict->left_ms : INT32_MAX,
        .since_us = verdict->since_ms * 1000,
    };

    snprintf(whole.name, sizeof whole.name, "%s", verdict->holder);
    memcpy(holder, &whole, holder->struct_size < sizeof whole ? holder->struct_size : sizeof whole);
}

/* With the lock held. */
static void wait_until_decided(struct taskledger_lease *lease, int64_t deadline_us)
{
    const struct holding *holding = &lease->holding;

    for (;;) {
        int64_t now_us = desk_now_us();

        desk_list_look(lease, now_us);
        if (holding->result != TASKLEDGER_WAITING || now_us >= deadline_us)
            return;
        int64_t change_us = holding_change_us(holding, now_us);
        desk_wait_until(lease->desk, &lease->desk->news, change_us < deadline_us ? change_us : deadline_us);
    }
}

enum taskledger_lease_result desk_wait(struct taskledger_lease *lease, int64_t deadline_us,
                                       struct taskledger_holder *holder, struct error *why)
{
    const struct holding *holding = &lease->holding;

    pthread_mutex_lock(&lease->desk->lock);
    wait_until_decided(lease, deadline_us);
    enum taskledger_lease_result result = holding->result;
    if (result == TASKLEDGER_WAITING)
        error_set(why, ERROR_TRANSIENT, "waiting", "\"%s\": not decided yet", holding->terms.name);
    else if (result != TASKLEDGER_GRANTED)
        *why = holding->why;
    if (result == TASKLEDGER_HELD && holder != NULL && !holding->terms.is_permit)
        tell_holder(&holding->verdict, holder);
    pthread_mutex_unlock(&lease->desk->lock);
    return result;
}

/* ---- attempts ---------------------------------------------------------------------------------------------------- */

uint32_t desk_attempt(struct taskledger_lease *lease)
{
    pthread_mutex_lock(&lease->desk->lock);
    uint32_t attempt = lease->holding.attempt;
    pthread_mutex_unlock(&lease->desk->lock);
    return attempt;
}

/* With the lock held. */
static void wait_until_heard(struct taskledger_lease *lease, uint32_t attempt, int wait_ms)
{
    struct holding *holding = &lease->holding;
    int64_t deadline_us = desk_now_us() + INT64_C(1000) * wait_ms;

    while (holding->state == HOLDING_HELD && holding->attempt_told < attempt && desk_now_us() < deadline_us) {
        desk_wait_until(lease->desk, &lease->desk->news, deadline_us);
        desk_list_look(lease, desk_now_us());
    }
}

/* With the lock held. */
static uint32_t next_attempt(struct taskledger_lease *lease)
{
    struct holding *holding = &lease->holding;
    int timeout_ms = holding->terms.timeout_ms;
    enum holding_hearing hearing = HOLDING_NEED_NOT_HEAR;
    uint32_t attempt = holding_next_attempt(holding, &hearing, desk_now_us());

    pthread_cond_signal(&lease->desk->work);
    if (hearing == HOLDING_MUST_HEAR)
        wait_until_heard(lease, attempt, timeout_ms);
    else if (hearing == HOLDING_SHOULD_HEAR)
        wait_until_heard(lease, attempt, timeout_ms < DESK_HEAR_MS ? timeout_ms : DESK_HEAR_MS);
    return attempt != 0 && holding_use_attempt(holding, attempt, hearing) ? attempt : 0;
}

uint32_t desk_next_attempt(struct taskledger_lease *lease)
{
    struct desk *desk = lease->desk;

    pthread_mutex_lock(&desk->lock);
    uint32_t attempt = next_attempt(lease);
    pthread_mutex_unlock(&desk->lock);
    return attempt;
}

/* ---- while held -------------------------------------------------------------------------------------------------- */

bool desk_is_local(struct taskledger_lease *lease)
{
    pthread_mutex_lock(&lease->desk->lock);
    bool is_local = lease->holding.state == HOLDING_LOCAL;
    pthread_mutex_unlock(&lease->desk->lock);
    return is_local;
}

int64_t desk_left_us(struct taskledger_lease *lease)
{
    return tenure_left_us(&lease->holding.tenure);
}

void desk_return(struct taskledger_lease *lease)
{
    struct desk *desk = desk_hold(lease->desk);
    int64_t now_us = desk_now_us();

    pthread_mutex_lock(&desk->lock);
    desk_list_look(lease, now_us);
    if (lease->holding.state == HOLDING_HELD)
        desk_list_pass_on(lease, now_us);
    if (lease->holding.state == HOLDING_LOCAL)
        pthread_cond_broadcast(&desk->news);
    holding_return(&lease->holding, now_us);
    lease->is_returned = true;
    if (lease->holding.errand == ERRAND_NONE && !lease->is_sent)
        desk_list_free(lease);
    pthread_cond_signal(&desk->work);
    pthread_mutex_unlock(&desk->lock);
    desk_release(desk);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

void desk_close(struct desk *desk)
{
    int64_t now_us = desk_now_us();

    pthread_mutex_lock(&desk->lock);
    desk->is_closed = true;
    for (struct taskledger_lease *lease = desk->first; lease != NULL; lease = lease->next) {
        desk_list_look(lease, now_us);
        holding_return(&lease->holding, now_us);
    }
    desk->rest_until_us = 0;
    pthread_cond_signal(&desk->work);
    pthread_cond_broadcast(&desk->news);
    pthread_mutex_unlock(&desk->lock);
}

void desk_finish(struct desk *desk, int64_t deadline_us)
{
    pthread_mutex_lock(&desk->lock);
    while (desk->clerk_runs && desk_list_has_errands(desk) && desk_now_us() < deadline_us)
        desk_wait_until(desk, &desk->news, deadline_us);
    pthread_mutex_unlock(&desk->lock);
}

void desk_stop(struct desk *desk, int64_t deadline_us)
{
    pthread_mutex_lock(&desk->lock);
    desk->is_stopping = true;
    pthread_cond_signal(&desk->work);
    if (desk->clerk_runs)
        (void)eventfd_write(desk->cancel, 1);
    while (desk->clerk_runs && desk_now_us() < deadline_us)
        desk_wait_until(desk, &desk->news, deadline_us);
    pthread_mutex_unlock(&desk->lock);
}
