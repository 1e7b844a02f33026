#include "producer/outbox_adopt.h"

#include "producer/fork.h"
#include "producer/outbox_inside.h"
#include "producer/outbox_spool.h"
#include "proto/arena.h"

#include <stdalign.h>
#include <stddef.h>

/* Encoding ProducerAdopted takes the message and a copy of its texts. */
enum { SCRATCH_BYTES = 1024, SHARD_OF_PRODUCERS = 0 };

/* What is said may need a hole declared and an identity opened before it. */
enum { EVENTS_AT_MOST = 3, BYTES_AT_MOST = 2 * QUEUE_LAST_WORD_BYTES + OUTBOX_OPENED_BYTES_MAX };

bool outbox_adopt_is_closed(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    bool closed = outbox->closed;
    pthread_mutex_unlock(&outbox->lock);
    return closed;
}

bool outbox_adopt_say(struct outbox *outbox, const struct event *event, uint64_t *ordinal)
{
    alignas(max_align_t) uint8_t scratch[SCRATCH_BYTES];
    struct draft draft = {.shard = SHARD_OF_PRODUCERS};
    struct error error;
    struct arena arena;

    arena_init_with(&arena, scratch, sizeof scratch, sizeof scratch);
    if (!event_encode_body(event, &arena, &draft.body, &error))
        return false;

    pthread_mutex_lock(&outbox->lock);
    bool said = !outbox->closed && accept_event_with_room(&outbox->accept, &draft, EVENTS_AT_MOST, BYTES_AT_MOST);
    *ordinal = outbox->accept.said;
    if (said)
        outbox_spool_note_put(outbox);
    pthread_mutex_unlock(&outbox->lock);
    return said;
}

bool outbox_adopt_has_sent(struct outbox *outbox, uint64_t ordinal)
{
    pthread_mutex_lock(&outbox->lock);
    bool sent = outbox->sent_to >= ordinal;
    pthread_mutex_unlock(&outbox->lock);
    return sent;
}

bool outbox_adopt_hash(struct outbox *outbox, struct slice payload, struct digest *digest)
{
    if (outbox_adopt_is_closed(outbox))
        return false;
    pthread_mutex_lock(&outbox->chain_lock);
    *digest = digester_hash(outbox->chain.digester, payload);
    pthread_mutex_unlock(&outbox->chain_lock);
    return true;
}

void outbox_adopt_note(struct outbox *outbox, const struct outbox_adopted *adopted)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->counters.adopted = adopted->events;
    outbox->counters.adopted_spools = adopted->spools;
    outbox->counters.adopted_damaged = adopted->damaged;
    outbox->sweep.left = adopted->left;
    pthread_mutex_unlock(&outbox->lock);
}

/* With the lock held. One that has found nothing more to do is as good as gone. */
static bool has_keeper(const struct outbox *outbox)
{
    return outbox->disk.keeper_runs && !outbox->disk.keeper_leaves;
}

bool outbox_adopt_release(struct outbox *outbox, struct spool *spool, uint64_t ordinal)
{
    struct outbox_errand *errand = &outbox->disk.errand;

    pthread_mutex_lock(&outbox->lock);
    bool taken = has_keeper(outbox);
    if (taken) {
        errand->spool = spool;
        errand->release_to = ordinal;
        errand->is_due = true;
        outbox_spool_note_errand(outbox);
    }
    pthread_mutex_unlock(&outbox->lock);
    return taken;
}

static void abandon(void *self)
{
    spool_abandon(self);
}

bool outbox_adopt_close(struct outbox *outbox, struct spool *spool)
{
    struct outbox_errand *errand = &outbox->disk.errand;

    pthread_mutex_lock(&outbox->lock);
    bool taken = has_keeper(outbox);
    if (taken) {
        errand->spool = spool;
        errand->fork_place = fork_own(abandon, spool);
        errand->closes = true;
        errand->is_due = true;
        outbox_spool_note_errand(outbox);
    }
    pthread_mutex_unlock(&outbox->lock);
    return taken;
}

bool outbox_adopt_is_clear(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    bool clear = outbox->disk.errand.spool == NULL;
    pthread_mutex_unlock(&outbox->lock);
    return clear;
}

uint64_t outbox_adopt_wanted(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    uint64_t wanted = outbox->sweep.wanted > outbox->sweep.done ? outbox->sweep.wanted : 0;
    outbox->sweep.seen = outbox->sweep.wanted;
    pthread_mutex_unlock(&outbox->lock);
    return wanted;
}

void outbox_adopt_swept(struct outbox *outbox, uint64_t sweep)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->sweep.done = sweep;
    pthread_cond_broadcast(&outbox->progress);
    pthread_mutex_unlock(&outbox->lock);
}

/* ---- for callers ------------------------------------------------------------------------------------------------- */

uint64_t outbox_adopt_want(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    uint64_t sweep = ++outbox->sweep.wanted;
    pthread_cond_signal(&outbox->work);
    pthread_mutex_unlock(&outbox->lock);
    return sweep;
}

bool outbox_adopt_wait(struct outbox *outbox, uint64_t sweep, int64_t deadline_us)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->hurried++;
    pthread_cond_signal(&outbox->work);
    while (outbox->sweep.done < sweep && outbox_now_us() < deadline_us)
        outbox_wait_until(outbox, &outbox->progress, deadline_us);
    outbox->hurried--;
    bool done = outbox->sweep.done >= sweep;
    pthread_mutex_unlock(&outbox->lock);
    return done;
}

uint64_t outbox_adopt_left(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    uint64_t left = outbox->sweep.left;
    pthread_mutex_unlock(&outbox->lock);
    return left;
}
