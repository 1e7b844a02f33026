#include "producer/adopter.h"

#include "producer/adoption.h"
#include "producer/inquiry.h"
#include "producer/outbox_adopt.h"
#include "producer/outbox_sender.h"
#include "proto/backoff.h"
#include "proto/clock.h"

#include <stdlib.h>
#include <string.h>

enum { SAY_AGAIN_MS = 100, CLEAR_AGAIN_MS = 50 };

struct adopter {
    struct outbox *outbox; /* this and the next two are borrowed */
    struct carrier *carrier;
    struct parcel *parcel;
    char *directory; /* owned, as is the next */
    char *target;
    struct adoption *adoption;
    bool by_itself; /* not only when somebody sweeps */
    uint64_t sweep; /* the one that is going on, or was last */
    bool sweeping;
    bool said;         /* what there is to be said about the one that is held, */
    size_t said_count; /* or so much of it; */
    uint64_t said_to;  /* our ordinal of that */
    int64_t say_due_us;
    uint64_t left;
    struct backoff backoff;
    struct outbox_rest rest; /* after a step in vain */
};

static bool hash(void *self, struct slice payload, struct digest *digest)
{
    const struct adopter *adopter = self;

    return outbox_adopt_hash(adopter->outbox, payload, digest);
}

static bool release(void *self, struct spool *spool, uint64_t ordinal)
{
    const struct adopter *adopter = self;

    return outbox_adopt_release(adopter->outbox, spool, ordinal);
}

static bool close_spool(void *self, struct spool *spool)
{
    const struct adopter *adopter = self;

    return outbox_adopt_close(adopter->outbox, spool);
}

static bool equip(struct adopter *adopter, const struct settings *settings, uint64_t seed)
{
    adopter->directory = strdup(settings->spool_dir);
    adopter->target = strdup(settings->spool_target);
    if (adopter->directory == NULL || adopter->target == NULL)
        return false;

    const struct adoption_options options = {
        .spool = {.directory = adopter->directory, .stream = adopter->carrier->stream, .target = adopter->target},
        .clock = clock_system(),
        .seed = seed,
        .patience_ms = settings->confirm_ms,
        .hash = hash,
        .release = release,
        .close = close_spool,
        .self = adopter,
    };
    adopter->adoption = adoption_new(&options);
    return adopter->adoption != NULL;
}

struct adopter *adopter_new(struct outbox *outbox, struct carrier *carrier, struct parcel *parcel,
                            const struct settings *settings, uint64_t seed)
{
    struct adopter *adopter = calloc(1, sizeof *adopter);

    if (adopter == NULL)
        return NULL;
    adopter->outbox = outbox;
    adopter->carrier = carrier;
    adopter->parcel = parcel;
    adopter->by_itself = settings->spool != TASKLEDGER_SPOOL_OFF;
    backoff_init(&adopter->backoff, settings->backoff_base_ms, settings->backoff_cap_ms, seed);
    if (equip(adopter, settings, seed))
        return adopter;
    adopter_free(adopter);
    return NULL;
}

void adopter_free(struct adopter *adopter)
{
    if (adopter == NULL)
        return;
    adoption_free(adopter->adoption);
    free(adopter->directory);
    free(adopter->target);
    free(adopter);
}

void adopter_let_go(struct adopter *adopter)
{
    if (adopter != NULL)
        adoption_let_go(adopter->adoption);
}

void adopter_abandon(struct adopter *adopter)
{
    adoption_abandon(adopter->adoption);
}

/* ---- looking on -------------------------------------------------------------------------------------------------- */

static void tell(struct adopter *adopter)
{
    const struct adoption_counters *counters = adoption_counters(adopter->adoption);
    const struct outbox_adopted adopted = {
        .events = counters->events,
        .spools = counters->spools,
        .damaged = counters->damaged,
        .left = adoption_is_busy(adopter->adoption) ? adopter->left : 0,
    };

    outbox_adopt_note(adopter->outbox, &adopted);
}

/* Whoever sweeps wants to know what is left, which takes reading all of it. */
static void count_left(struct adopter *adopter)
{
    struct error error;

    if (adopter->sweeping && !adoption_left(adopter->adoption, &adopter->left, &error))
        outbox_sender_note_disk(adopter->outbox, &error);
}

/* ---- resting ----------------------------------------------------------------------------------------------------- */

/* The trouble of what is adopted, with one shard perhaps, is not that of one's own events: it has a wait of its own. */
static void note_step(struct adopter *adopter, bool good, const struct error *error)
{
    adopter->rest = (struct outbox_rest){.end_us = 0};
    if (good)
        backoff_reset(&adopter->backoff);
    else
        adopter->rest = outbox_sender_rest_of(backoff_after_us(&adopter->backoff, error->kind));
}

/* Shorter while a sweep is wanted. */
static int64_t rest_end_us(const struct adopter *adopter)
{
    int64_t hurried_us = adopter->rest.begun_us + OUTBOX_SENDER_HURRY_MS * 1000;

    return adopter->sweeping && hurried_us < adopter->rest.end_us ? hurried_us : adopter->rest.end_us;
}

static bool rests(const struct adopter *adopter)
{
    return clock_left_ms(clock_system(), rest_end_us(adopter)) > 0;
}

/* ---- taking over ------------------------------------------------------------------------------------------------- */

static void note_sweep(struct adopter *adopter)
{
    uint64_t wanted = outbox_adopt_wanted(adopter->outbox);

    adopter->sweeping = wanted > 0;
    if (wanted == 0 || wanted == adopter->sweep)
        return;
    adopter->sweep = wanted;
    adoption_begin_round(adopter->adoption);
    if (adoption_is_busy(adopter->adoption))
        count_left(adopter);
}

static void begin(struct adopter *adopter)
{
    adopter->said = false;
    adopter->said_count = 0;
    adopter->said_to = 0;
    adopter->say_due_us = 0;
    adopter->left = 0;
    adopter->rest = (struct outbox_rest){.end_us = 0};
    backoff_reset(&adopter->backoff);
    count_left(adopter);
    tell(adopter);
}

bool adopter_look(struct adopter *adopter)
{
    struct error error;

    if (outbox_adopt_is_closed(adopter->outbox)) {
        adoption_let_go(adopter->adoption);
        return false;
    }
    note_sweep(adopter);
    if (adoption_is_busy(adopter->adoption))
        return !rests(adopter);
    if ((!adopter->by_itself && !adopter->sweeping) || !outbox_adopt_is_clear(adopter->outbox))
        return false;

    if (!adoption_look(adopter->adoption, adopter->sweeping, &error))
        outbox_sender_note_disk(adopter->outbox, &error);
    if (adoption_is_busy(adopter->adoption)) {
        begin(adopter);
        return true;
    }
    if (adopter->sweeping)
        outbox_adopt_swept(adopter->outbox, adopter->sweep);
    adopter->sweeping = false;
    return false;
}

/* ---- sending on -------------------------------------------------------------------------------------------------- */

/* What did not arrive is read again next time: there is no room to keep it while one's own events are sent. What did is not
 * sent again. */
static bool send_on(struct adopter *adopter, struct error *error)
{
    size_t retried;

    if (!adoption_fill(adopter->adoption, adopter->parcel, error)) {
        outbox_sender_note_disk(adopter->outbox, error);
        return true; /* it was handed back */
    }
    if (adopter->parcel->count == 0)
        return true;
    carrier_address(adopter->carrier, adopter->parcel);
    if (!carrier_send(adopter->carrier, adopter->parcel, 0, &retried, error)) {
        adoption_sent_some(adopter->adoption, adopter->parcel);
        return false;
    }
    adoption_sent(adopter->adoption, adopter->parcel);
    return true;
}

static bool confirm(struct adopter *adopter, struct error *error)
{
    const struct inquiry inquiry = {
        .confirm = adoption_confirm(adopter->adoption),
        .spool = adoption_spool(adopter->adoption),
        .carrier = adopter->carrier,
        .parcel = adopter->parcel,
    };
    struct inquiry_news news;

    if (inquiry.confirm == NULL)
        return true;
    if (!inquiry_step(&inquiry, adopter->sweeping, &news, error))
        return false;
    if (news.confirmed > 0)
        adoption_confirmed(adopter->adoption, news.confirmed);
    if (news.lost > 0)
        adoption_rewind(adopter->adoption, news.lost);
    return true;
}

static bool say_one(struct adopter *adopter, const struct adopted_identity *identity)
{
    struct event event = {.body = EVENT_PRODUCER_ADOPTED};

    if (identity->closed || identity->last_sequence == 0)
        return true;
    event.producer_adopted.producer_id = identity->producer_id;
    event.producer_adopted.last_sequence = identity->last_sequence;
    event.producer_adopted.last_digest = digest_slice(&identity->last_digest);
    return outbox_adopt_say(adopter->outbox, &event, &adopter->said_to);
}

/* As far as there is room for it. An end that nobody knows is left open: the audit must not take the chain for
 * whole. */
static void say(struct adopter *adopter)
{
    size_t count;
    const struct adopted_identity *identities = adoption_identities(adopter->adoption, &count);

    if (!adoption_knows_end(adopter->adoption))
        count = 0;
    while (adopter->said_count < count && say_one(adopter, &identities[adopter->said_count]))
        adopter->said_count++;
    adopter->said = adopter->said_count == count;
    adopter->say_due_us = clock_deadline_us(clock_system(), SAY_AGAIN_MS);
}

static void finish(struct adopter *adopter)
{
    if (!adopter->said)
        say(adopter);
    else if (outbox_adopt_has_sent(adopter->outbox, adopter->said_to))
        adoption_finish(adopter->adoption);
}

bool adopter_step(struct adopter *adopter, struct error *error)
{
    bool good = confirm(adopter, error);

    if (good && !adoption_is_sent(adopter->adoption))
        good = send_on(adopter, error);
    else if (good)
        finish(adopter);
    note_step(adopter, good, error);
    count_left(adopter);
    tell(adopter);
    return good;
}

/* ---- when -------------------------------------------------------------------------------------------------------- */

/* Of one that is held. */
static int64_t step_due_us(const struct adopter *adopter)
{
    const struct confirm *confirm = adoption_confirm(adopter->adoption);
    int64_t due_us = INT64_MAX;

    if (!adoption_is_sent(adopter->adoption))
        return 0;
    if (!adopter->said)
        return adopter->say_due_us;
    if (confirm == NULL || confirm_oldest(confirm) == NULL)
        return outbox_adopt_has_sent(adopter->outbox, adopter->said_to) ? 0 : INT64_MAX;
    return confirm_due(confirm, adopter->sweeping, &due_us) != CONFIRM_NOTHING ? 0 : due_us;
}

int64_t adopter_due_us(const struct adopter *adopter)
{
    int64_t rest_us = rest_end_us(adopter);

    if (adoption_is_busy(adopter->adoption))
        return step_due_us(adopter) > rest_us ? step_due_us(adopter) : rest_us;
    if (!outbox_adopt_is_clear(adopter->outbox))
        return clock_deadline_us(clock_system(), CLEAR_AGAIN_MS);
    if (adopter->sweeping)
        return 0;
    return adopter->by_itself ? adoption_due_us(adopter->adoption) : INT64_MAX;
}
