#include "producer/sender.h"

#include "producer/adopter.h"
#include "producer/carrier.h"
#include "producer/confirm.h"
#include "producer/fork.h"
#include "producer/inquiry.h"
#include "producer/marks.h"
#include "producer/outbox_sender.h"
#include "producer/parcel.h"
#include "proto/backoff.h"
#include "proto/clock.h"
#include "proto/event.h"
#include "proto/redis.h"
#include "proto/thread.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REST_OF_SOME_US = 1000000, GONE_PAST_MAX = 8192 };

struct sender {
    struct outbox *outbox; /* held */
    int cancel;
    int fork_place;
    struct carrier carrier;
    struct backoff backoff;
    struct parcel parcel;    /* on its way */
    bool under_way;          /* there is something unanswered in it */
    size_t tried;            /* so many of its events were said at least once */
    struct outbox_rest rest; /* after an attempt in vain */
    bool rests;              /* that was interrupted and goes on: what was tried is not said again yet */
    bool grew;               /* what interrupted it is in the parcel */
    bool fetched;            /* nothing is missing in it that is to be had */
    struct confirm *confirm; /* owned; NULL: what Redis has need not be confirmed */
    struct adopter *adopter; /* owned */
    bool spools;             /* there is a spool, or may be one */
};

/* ---- one parcel -------------------------------------------------------------------------------------------------- */

static bool connect_line(struct sender *sender, struct error *error)
{
    bool connected = redis_connect(sender->carrier.redis, error);

    outbox_sender_note_line(sender->outbox, connected);
    return connected;
}

/* Of what comes behind the first `had` only that is taken which has no gap before it: what is missing there nobody has
 * any more. At the beginning of a parcel it is passed over. */
static void stop_at_gap(struct sender *sender, const struct outbox_place *place, size_t had)
{
    struct parcel *parcel = &sender->parcel;
    uint64_t there = place->memory;
    uint64_t next = place->next;

    if (parcel->count > had && parcel->items[had].ordinal < there)
        there = parcel->items[had].ordinal;
    for (size_t i = had; i < parcel->count && parcel->items[i].ordinal == next; i++)
        next++;
    parcel_cut(parcel, next);
    if (parcel->count == 0)
        outbox_sender_skip(sender->outbox, there);
}

/* What memory has given up is in the spool. What is not there either was removed by somebody else, or is damaged. */
static bool fetch_spooled(struct sender *sender, const struct outbox_place *place, struct error *error)
{
    size_t had = sender->parcel.count;
    struct spool *spool = outbox_sender_borrow_spool(sender->outbox);

    if (spool == NULL)
        return true;
    bool read = spool_read(spool, place->next, &sender->parcel, error);
    outbox_sender_return_spool(sender->outbox);
    if (!read) {
        outbox_sender_note_disk(sender->outbox, error);
        return false;
    }

    stop_at_gap(sender, place, had);
    if (sender->parcel.count > had)
        carrier_address(&sender->carrier, &sender->parcel);
    return true;
}

/* Of a parcel that goes on its way. */
static void note_oldest(struct sender *sender)
{
    struct event event;
    struct error unused;
    bool has_identity;

    event_decode(parcel_payload(&sender->parcel, &sender->parcel.items[0]), &event, &has_identity, &unused);
    if (has_identity)
        outbox_sender_note_oldest(sender->outbox, event.occurred_at_us);
}

/* A parcel of which something was refused takes along what came meanwhile: one event's trouble is not that of all. */
static bool fetch(struct sender *sender, struct error *error)
{
    bool begins = !sender->under_way;

    sender->grew = false;
    if (begins) {
        parcel_reset(&sender->parcel);
        sender->tried = 0;
        sender->rests = false;
    }
    struct outbox_place place = outbox_sender_take(sender->outbox, &sender->parcel);
    if (place.next < place.memory && parcel_has_room(&sender->parcel) && !fetch_spooled(sender, &place, error))
        return false;
    sender->under_way = sender->parcel.count > 0;
    sender->grew = sender->parcel.count > sender->tried;
    if (begins && sender->under_way && sender->spools)
        note_oldest(sender);
    return true;
}

/* An attempt failed; the reason is told. Returns false. */
static bool failed(struct sender *sender, const struct error *error)
{
    if (!redis_is_connected(sender->carrier.redis))
        outbox_sender_note_line(sender->outbox, false);
    if (strcmp(error->reason, "disk") == 0)
        outbox_sender_note_disk(sender->outbox, error);
    else
        outbox_sender_note_failure(sender->outbox, error);
    return false;
}

/* With what is to be confirmed, of a parcel of which all was answered. */
static void remember(struct sender *sender)
{
    struct marks marks = marks_of(&sender->parcel);
    struct confirm_mark mark;

    while (sender->confirm != NULL && marks_next(&marks, &mark))
        confirm_sent(sender->confirm, &mark);
}

/* Others go past what is refused for its shard. Then the parcel has to become whole, for what is to be confirmed. */
static void make_room(struct sender *sender)
{
    struct parcel *parcel = &sender->parcel;

    if (sender->under_way && sender->carrier.shards > 1 && !parcel_has_room(parcel) &&
        parcel_last(parcel) - parcel->items[0].ordinal < GONE_PAST_MAX)
        parcel_thin(parcel);
}

/* All of it, or in a rest that goes on only what has come since. Progress in an attempt with all of it, even behind an
 * error, ends the backoff. */
static bool carry(struct sender *sender, struct error *error)
{
    struct parcel *parcel = &sender->parcel;
    size_t first = sender->rests ? sender->tried : 0;
    size_t before = parcel_answered(parcel);
    size_t retried = 0;

    bool good = connect_line(sender, error) && carrier_send(&sender->carrier, parcel, first, &retried, error);
    (void)outbox_sender_settle(sender->outbox, parcel, retried);
    size_t answered = parcel_answered(parcel);
    if (first == 0 && answered > before)
        backoff_reset(&sender->backoff);
    sender->under_way = answered < parcel->count;
    make_room(sender);
    sender->tried = parcel->count;
    return good || failed(sender, error);
}

/* False: something is left, for the reason that is told, or was before. */
static bool deliver(struct sender *sender, struct error *error)
{
    bool good = carry(sender, error);

    if (!good || sender->under_way)
        return false;
    remember(sender);
    return true;
}

/* ---- what is to be confirmed ------------------------------------------------------------------------------------- */

static void take_note(struct sender *sender, const struct inquiry_news *news)
{
    if (news->confirmed > 0)
        outbox_sender_confirmed(sender->outbox, news->confirmed);
    if (news->lost > 0)
        outbox_sender_rewind(sender->outbox, news->lost);
    if (news->resent > 0)
        outbox_sender_note_resent(sender->outbox, news->resent);
    if (news->refused)
        outbox_sender_note_refusal(sender->outbox, &news->refusal);
}

static bool inquire(struct sender *sender, struct error *error)
{
    bool in_hurry = outbox_sender_hurries(sender->outbox);
    struct inquiry inquiry = {
        .confirm = sender->confirm,
        .carrier = &sender->carrier,
        .parcel = &sender->parcel,
    };
    struct inquiry_news news;
    int64_t due_us;

    if (sender->confirm == NULL || confirm_due(sender->confirm, in_hurry, &due_us) == CONFIRM_NOTHING)
        return true;
    if (!connect_line(sender, error))
        return failed(sender, error);
    inquiry.spool = outbox_sender_borrow_spool(sender->outbox);
    bool good = inquiry_step(&inquiry, in_hurry, &news, error);
    if (inquiry.spool != NULL)
        outbox_sender_return_spool(sender->outbox);
    take_note(sender, &news);
    return good || failed(sender, error);
}

/* ---- what the gone left ------------------------------------------------------------------------------------------ */

/* What fails there rests by itself, and holds up nothing of one's own while the line is up. */
static bool adopt(struct sender *sender, struct error *error)
{
    if (!adopter_look(sender->adopter) || (connect_line(sender, error) && adopter_step(sender->adopter, error)))
        return true;
    (void)failed(sender, error);
    return redis_is_connected(sender->carrier.redis);
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* What is to be done next: one's own first. */
static bool step(struct sender *sender, struct error *error)
{
    sender->fetched = fetch(sender, error);
    if (!sender->fetched)
        return false;
    bool idle = !sender->under_way;
    bool good = idle || deliver(sender, error);
    outbox_sender_forget(sender->outbox);
    return good && inquire(sender, error) && (!idle || adopt(sender, error));
}

/* When to take the next step, though there is nothing to be sent. */
static int64_t next_step_us(struct sender *sender)
{
    int64_t adopt_us = adopter_due_us(sender->adopter);
    int64_t inquire_us = INT64_MAX;

    if (sender->confirm != NULL &&
        confirm_due(sender->confirm, outbox_sender_hurries(sender->outbox), &inquire_us) != CONFIRM_NOTHING)
        return 0;
    return adopt_us < inquire_us ? adopt_us : inquire_us;
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

/* Some shards are refused, or their node is away; what comes for the others can be taken along. */
static bool serves_others(const struct sender *sender)
{
    return sender->carrier.shards > 1 && redis_is_connected(sender->carrier.redis) && parcel_has_room(&sender->parcel);
}

static void begin_rest(struct sender *sender, const struct error *error)
{
    int64_t wait_us = backoff_after_us(&sender->backoff, error->kind);

    if (wait_us > REST_OF_SOME_US && serves_others(sender) && error->kind != ERROR_FATAL)
        wait_us = REST_OF_SOME_US;
    sender->rest = outbox_sender_rest_of(wait_us);
}

/* What comes for the others goes at once; what is there and cannot be had, on a disk for example, is waited for. */
static void rest(struct sender *sender, const struct error *error)
{
    bool goes_on = sender->fetched && serves_others(sender) && (sender->grew || !sender->rests);
    uint64_t taken_to = sender->under_way ? parcel_last(&sender->parcel) : 0;

    if (!sender->rests || !redis_is_connected(sender->carrier.redis))
        begin_rest(sender, error);
    sender->rests = outbox_sender_rest(sender->outbox, &sender->rest, goes_on ? taken_to : UINT64_MAX);
}

/* Everything that does I/O goes before the outbox hears of the end: the process may be about to exit. */
static void end(struct sender *sender)
{
    struct outbox *outbox = sender->outbox;

    adopter_let_go(sender->adopter);
    fork_disown(sender->fork_place);
    adopter_free(sender->adopter);
    free(sender->confirm);
    carrier_close(&sender->carrier);
    parcel_close(&sender->parcel);
    free(sender);
    outbox_sender_ends(outbox);
    outbox_release(outbox);
}

static void *run(void *self)
{
    struct sender *sender = self;
    struct error error = {.kind = ERROR_NONE};

    thread_be_unobtrusive();
    while (outbox_sender_wait(sender->outbox, next_step_us(sender)))
        if (!step(sender, &error))
            rest(sender, &error);
    end(sender);
    return NULL;
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

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
    adopter_abandon(sender->adopter);
}

/* Memory; false when it is short. */
static bool furnish(struct sender *sender, const struct settings *settings)
{
    if (!parcel_init(&sender->parcel))
        return false;
    sender->adopter = adopter_new(sender->outbox, &sender->carrier, &sender->parcel, settings, ~seed(sender));
    if (sender->adopter == NULL || settings->spool != TASKLEDGER_SPOOL_ALWAYS)
        return sender->adopter != NULL;
    sender->confirm = malloc(sizeof *sender->confirm);
    if (sender->confirm == NULL)
        return false;
    confirm_init(sender->confirm, clock_system(), seed(sender), settings->confirm_ms);
    return true;
}

/* What it needs, but for the thread. */
static bool equip(struct sender *sender, const struct settings *settings, struct error *error)
{
    sender->spools = settings->spool != TASKLEDGER_SPOOL_OFF;
    backoff_init(&sender->backoff, settings->backoff_base_ms, settings->backoff_cap_ms, seed(sender));
    if (!furnish(sender, settings))
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
