#include "producer/sender.h"

#include "producer/carrier.h"
#include "producer/fork.h"
#include "producer/outbox_sender.h"
#include "producer/parcel.h"
#include "proto/backoff.h"
#include "proto/clock.h"
#include "proto/redis.h"
#include "proto/thread.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

struct sender {
    struct outbox *outbox; /* held */
    int cancel;
    int fork_place;
    struct carrier carrier;
    struct backoff backoff;
    struct parcel parcel; /* on its way */
    bool under_way;       /* there is something unanswered in it */
};

/* ---- one parcel ---------------------------------------------------------------------------------------------------- */

static bool connect_line(struct sender *sender, struct error *error)
{
    bool connected = redis_connect(sender->carrier.redis, error);

    outbox_sender_note_line(sender->outbox, connected);
    return connected;
}

/* A parcel of which something was refused takes along what came meanwhile: one event's trouble is not that of all. */
static void fetch(struct sender *sender)
{
    if (!sender->under_way)
        parcel_reset(&sender->parcel);
    outbox_sender_take(sender->outbox, &sender->parcel);
    sender->under_way = sender->parcel.count > 0;
}

/* Progress, even behind an error, ends the backoff. */
static bool deliver(struct sender *sender, struct error *error)
{
    size_t retried;

    if (!connect_line(sender, error))
        return false;
    bool good = carrier_send(&sender->carrier, &sender->parcel, &retried, error);
    if (!redis_is_connected(sender->carrier.redis))
        outbox_sender_note_line(sender->outbox, false);

    if (outbox_sender_settle(sender->outbox, &sender->parcel, retried))
        backoff_reset(&sender->backoff);
    sender->under_way = !good;
    return good;
}

/* What is to be done next. */
static bool step(struct sender *sender, struct error *error)
{
    fetch(sender);
    return !sender->under_way || deliver(sender, error);
}

/* ---- the thread ---------------------------------------------------------------------------------------------------- */

static void rest(struct sender *sender, const struct error *error)
{
    int64_t wait_us = backoff_next_us(&sender->backoff);

    /* An operator is slower than any backoff. */
    if (error->kind == ERROR_FATAL && wait_us < sender->backoff.cap_us / 2)
        wait_us = sender->backoff.cap_us / 2;
    outbox_sender_note_failure(sender->outbox, error);
    outbox_sender_rest(sender->outbox, wait_us);
}

/* Everything that does I/O goes before the outbox hears of the end: the process may be about to exit. */
static void end(struct sender *sender)
{
    struct outbox *outbox = sender->outbox;

    fork_disown(sender->fork_place);
    carrier_close(&sender->carrier);
    parcel_close(&sender->parcel);
    free(sender);
    outbox_sender_ends(outbox);
    outbox_release(outbox);
}

/* Woken by an emit, we must not take its caller's processor from it in the middle of the call. Where that is not allowed
 * we go on as we are. */
static void be_unobtrusive(void)
{
    struct sched_param parameters = {.sched_priority = 0};

    (void)sched_setscheduler(0, SCHED_BATCH, &parameters);
}

static void *run(void *self)
{
    struct sender *sender = self;
    struct error error;

    be_unobtrusive();
    while (outbox_sender_wait(sender->outbox, INT64_MAX))
        if (!step(sender, &error))
            rest(sender, &error);
    end(sender);
    return NULL;
}

/* ---- starting ------------------------------------------------------------------------------------------------------- */

/* Different in every process and for every sender in it. */
static uint64_t seed(const struct sender *sender)
{
    return (uint64_t)clock_system()->unix_us(NULL) ^ (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)sender;
}

static void abandon(void *self)
{
    struct sender *sender = self;

    redis_abandon(sender->carrier.redis);
    close(sender->cancel);
}

/* What it needs, but for the thread. */
static bool equip(struct sender *sender, const struct settings *settings, struct error *error)
{
    backoff_init(&sender->backoff, settings->backoff_base_ms, settings->backoff_cap_ms, seed(sender));
    if (!parcel_init(&sender->parcel))
        return error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for a sender");
    if (!carrier_init(&sender->carrier, settings, sender->cancel, error))
        return false;
    sender->fork_place = fork_own(abandon, sender);
    return true;
}

/* NULL: nothing was begun. */
static struct sender *new_sender(struct outbox *outbox, const struct settings *settings, struct error *error)
{
    struct sender *sender = calloc(1, sizeof *sender);

    if (sender == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for a sender");
        return NULL;
    }
    if (!outbox_sender_begins(outbox, &sender->cancel, error)) {
        free(sender);
        return NULL;
    }
    sender->outbox = outbox_hold(outbox);
    sender->fork_place = -1;
    if (equip(sender, settings, error))
        return sender;
    end(sender);
    return NULL;
}

static bool start(struct sender *sender, struct error *error)
{
    return thread_start(run, sender) || error_set_errno(error, ERROR_TRANSIENT, "thread", "could not start the sender");
}

void sender_ensure(struct outbox *outbox, const struct settings *settings, bool in_hurry)
{
    struct sender *sender;
    struct error error;

    if (!outbox_sender_wanted(outbox, in_hurry))
        return;
    sender = new_sender(outbox, settings, &error);
    if (sender != NULL && start(sender, &error))
        return;
    if (sender != NULL)
        end(sender);
    outbox_sender_failed(outbox, &error);
}
