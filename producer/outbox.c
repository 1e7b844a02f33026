#include "producer/outbox.h"

#include "producer/outbox_chain.h"
#include "producer/outbox_inside.h"
#include "producer/outbox_spool.h"
#include "proto/event.h"
#include "proto/generation.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- making and freeing ------------------------------------------------------------------------------------------ */

static void init_locks(struct outbox *outbox)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;

    /* The critical section is shorter than a sleep: spin a little first. */
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_settype(&mutex, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&outbox->lock, &mutex);
    pthread_mutex_init(&outbox->chain_lock, NULL);
    pthread_mutexattr_destroy(&mutex);

    pthread_condattr_init(&condition);
    pthread_condattr_setclock(&condition, CLOCK_MONOTONIC);
    pthread_cond_init(&outbox->work, &condition);
    pthread_cond_init(&outbox->progress, &condition);
    pthread_cond_init(&outbox->disk.keep, &condition);
    pthread_cond_init(&outbox->disk.change, &condition);
    pthread_condattr_destroy(&condition);
}

static bool encode_opened(struct outbox *outbox, const struct settings *settings, struct slice *opened,
                          struct error *error)
{
    struct event event = {.body = EVENT_PRODUCER_OPENED};
    struct arena arena;

    event.producer_opened.host = slice_from_text(settings->host);
    event.producer_opened.pid = (uint32_t)getpid();
    event.producer_opened.worker = slice_from_text(outbox->worker);
    event.producer_opened.library_version = slice_from_text(taskledger_version());
    event.producer_opened.confirms = settings->spool == TASKLEDGER_SPOOL_ALWAYS;
    arena_init_with(&arena, outbox->opened, sizeof outbox->opened, sizeof outbox->opened);
    return event_encode_body(&event, &arena, opened, error);
}

static bool init_accept(struct outbox *outbox, const struct settings *settings, struct error *error)
{
    struct accept_ground ground = {
        .queue = &outbox->queue,
        .clock = clock_system(),
        .has_lanes = settings->spool != TASKLEDGER_SPOOL_ALWAYS,
    };

    if (!encode_opened(outbox, settings, &ground.opened, error) || !accept_init(&outbox->accept, &ground, error))
        return false;
    outbox->disk.owner = outbox->accept.identity.producer_id;
    return true;
}

struct outbox *outbox_new(const struct settings *settings, struct error *error)
{
    struct outbox *outbox = calloc(1, sizeof *outbox);

    if (outbox == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for a producer");
        return NULL;
    }
    atomic_init(&outbox->owners, 1);
    outbox->generation = generation_present();
    outbox->cancel = -1;
    settings_worker(settings, outbox->worker);
    init_locks(outbox);

    bool chained = chain_init(&outbox->chain);
    bool queued = queue_init(&outbox->queue, settings->queue_events, settings->queue_bytes);
    bool spooled = outbox_spool_init(outbox, settings->spool);
    bool reported = reports_init(&outbox->reports, settings->reports);
    if (!chained || !queued || !spooled || !reported)
        error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for a queue of %zu bytes",
                  settings->queue_bytes);
    else if (init_accept(outbox, settings, error))
        return outbox;
    outbox_release(outbox);
    return NULL;
}

struct outbox *outbox_hold(struct outbox *outbox)
{
    atomic_fetch_add(&outbox->owners, 1);
    return outbox;
}

void outbox_release(struct outbox *outbox)
{
    if (atomic_fetch_sub(&outbox->owners, 1) > 1)
        return;
    outbox_spool_free(outbox);
    pthread_cond_destroy(&outbox->disk.change);
    pthread_cond_destroy(&outbox->disk.keep);
    pthread_cond_destroy(&outbox->progress);
    pthread_cond_destroy(&outbox->work);
    pthread_mutex_destroy(&outbox->lock);
    pthread_mutex_destroy(&outbox->chain_lock);
    if (outbox->cancel >= 0)
        close(outbox->cancel);
    chain_close(&outbox->chain);
    queue_close(&outbox->queue);
    reports_close(&outbox->reports);
    free(outbox);
}

uint64_t outbox_generation(const struct outbox *outbox)
{
    return outbox->generation;
}

bool outbox_spools(const struct outbox *outbox)
{
    return outbox->disk.mode != TASKLEDGER_SPOOL_OFF;
}

const char *outbox_worker(const struct outbox *outbox)
{
    return outbox->worker;
}

/* ---- callers ----------------------------------------------------------------------------------------------------- */

/* With the lock held: the last `count` numbers will not come. */
static void report_dropped(struct outbox *outbox, uint64_t count, const char *reason)
{
    const struct identity *identity = &outbox->accept.identity;

    reports_add(&outbox->reports, &(struct report){
                                      .kind = TASKLEDGER_REPORT_DROPPED,
                                      .producer_id = identity->producer_id,
                                      .first_sequence = identity->sequence - count + 1,
                                      .last_sequence = identity->sequence,
                                      .reason = reason,
                                  });
}

/* With the lock held. */
static enum taskledger_result put(struct outbox *outbox, const struct draft *draft, struct outbox_identity *identity)
{
    if (outbox->closed)
        return TASKLEDGER_CLOSED;
    if (!accept_event(&outbox->accept, draft)) {
        outbox->counters.dropped_full++;
        report_dropped(outbox, 1, "full");
        return TASKLEDGER_FULL;
    }
    outbox->counters.cut += draft->cut;
    *identity = (struct outbox_identity){outbox->accept.identity.producer_id, outbox->accept.identity.sequence};
    return TASKLEDGER_ACCEPTED;
}

/* Lets go of the lock. */
static void commit(struct outbox *outbox, uint64_t accepted_before)
{
    uint64_t accepted = queue_last(&outbox->queue);

    if (outbox->disk.mode == TASKLEDGER_SPOOL_ALWAYS) {
        if (outbox_spool_commit(outbox, accepted))
            return;
        outbox->counters.unspooled += accepted - accepted_before;
    }
    outbox_spool_note_put(outbox);
}

/* With the lock held. Who has to wake the sender is told once. */
static bool sender_must_wake(struct outbox *outbox)
{
    enum outbox_sender_state state = atomic_load(&outbox->sender);
    bool waits = state == OUTBOX_SENDER_SLEEPS || (state == OUTBOX_SENDER_NAPS && outbox_is_filling(outbox));

    if (!waits || outbox->sent_to >= queue_ready(&outbox->queue))
        return false;
    atomic_store(&outbox->sender, OUTBOX_SENDER_AWAKE);
    return true;
}

/* When there is no lane, or it has come to its end: also to see how full the queue is. */
static enum taskledger_result put_with_lock(struct outbox *outbox, const struct draft *draft,
                                            struct outbox_identity *identity)
{
    pthread_mutex_lock(&outbox->lock);
    uint64_t accepted_before = queue_last(&outbox->queue);
    enum taskledger_result result = put(outbox, draft, identity);

    if (queue_last(&outbox->queue) > accepted_before)
        commit(outbox, accepted_before);
    /* Not before: who is held by the disk must not be the one on whom the sender relies. */
    bool wake = sender_must_wake(outbox);
    pthread_mutex_unlock(&outbox->lock);

    if (wake)
        pthread_cond_signal(&outbox->work);
    return result;
}

/* Whether one of them sleeps who may have to do something now. */
static bool may_wake(struct outbox *outbox)
{
    return atomic_load(&outbox->sender) == OUTBOX_SENDER_SLEEPS ||
           (atomic_load_explicit(&outbox->disk.pressed, memory_order_relaxed) &&
            atomic_load(&outbox->disk.keeper_sleeps));
}

void outbox_note_committed(struct outbox *outbox, uint64_t ordinal)
{
    if (!may_wake(outbox) || atomic_load(&outbox->queue.raw) < ordinal)
        return;
    pthread_mutex_lock(&outbox->lock);
    outbox_spool_note_put(outbox);
    bool wake = sender_must_wake(outbox);
    pthread_mutex_unlock(&outbox->lock);
    if (wake)
        pthread_cond_signal(&outbox->work);
}

static bool put_at_once(struct outbox *outbox, const struct draft *draft, struct outbox_identity *identity)
{
    struct accept_place place;

    if (draft->cut || !accept_at_once(&outbox->accept, draft, &place))
        return false;
    *identity = (struct outbox_identity){place.producer_id, place.sequence};
    outbox_note_committed(outbox, place.ordinal);
    return true;
}

enum taskledger_result outbox_put(struct outbox *outbox, const struct draft *draft, struct outbox_identity *identity)
{
    bool put = put_at_once(outbox, draft, identity);
    enum taskledger_result result = put ? TASKLEDGER_ACCEPTED : put_with_lock(outbox, draft, identity);

    /* The keeper alone does not keep up with several who emit as fast as they can: they lend it a hand. */
    if (atomic_load_explicit(&outbox->disk.pressed, memory_order_relaxed))
        outbox_chain_help(outbox);
    return result;
}

enum taskledger_result outbox_drop(struct outbox *outbox, uint64_t count)
{
    pthread_mutex_lock(&outbox->lock);
    bool closed = outbox->closed;
    if (!closed && count > 0) {
        accept_drop(&outbox->accept, count, "memory");
        outbox->counters.dropped_memory += count;
        report_dropped(outbox, count, "memory");
    }
    pthread_mutex_unlock(&outbox->lock);
    return closed ? TASKLEDGER_CLOSED : TASKLEDGER_FULL;
}

void outbox_count_refused(struct outbox *outbox, enum taskledger_result result)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->counters.rejected_invalid += result == TASKLEDGER_INVALID;
    outbox->counters.rejected_too_big += result == TASKLEDGER_TOO_BIG;
    pthread_mutex_unlock(&outbox->lock);
}

/* Events leave in the order in which they were accepted. */
static uint64_t unanswered(const struct outbox *outbox, uint64_t target)
{
    return outbox->sent_to >= target ? 0 : target - outbox->sent_to;
}

/* With the lock held. */
static void wait_until_answered(struct outbox *outbox, uint64_t target, int64_t deadline_us, bool and_confirmed)
{
    outbox->hurried++;
    pthread_cond_signal(&outbox->work);
    while ((unanswered(outbox, target) > 0 || (and_confirmed && outbox->confirmed_to < target)) &&
           outbox_now_us() < deadline_us)
        outbox_wait_until(outbox, &outbox->progress, deadline_us);
    outbox->hurried--;
}

uint64_t outbox_flush(struct outbox *outbox, int64_t deadline_us)
{
    pthread_mutex_lock(&outbox->lock);
    uint64_t target = queue_last(&outbox->queue);

    wait_until_answered(outbox, target, deadline_us, false);
    uint64_t left = unanswered(outbox, target) + outbox->counters.spool_lost - outbox->lost_told;
    outbox->lost_told = outbox->counters.spool_lost;
    pthread_mutex_unlock(&outbox->lock);
    return left;
}

void outbox_close(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    accept_close(&outbox->accept);
    outbox->closed = true;
    atomic_store(&outbox->sender, OUTBOX_SENDER_AWAKE);
    outbox_spool_note_put(outbox);
    pthread_mutex_unlock(&outbox->lock);
    pthread_cond_signal(&outbox->work);
}

/* What is neither answered nor in the spool, or is not there any more. */
static uint64_t lost(const struct outbox *outbox)
{
    uint64_t spooled_to = outbox->disk.last > outbox->sent_to ? outbox->disk.last : outbox->sent_to;

    return queue_last(&outbox->queue) - spooled_to + outbox->counters.spool_lost;
}

void outbox_finish(struct outbox *outbox, int64_t deadline_us)
{
    pthread_mutex_lock(&outbox->lock);
    bool confirms = outbox->disk.mode == TASKLEDGER_SPOOL_ALWAYS;

    wait_until_answered(outbox, queue_last(&outbox->queue), deadline_us, confirms);
    pthread_mutex_unlock(&outbox->lock);
}

uint64_t outbox_stop(struct outbox *outbox, int64_t deadline_us)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->stopping = true;
    if (outbox->cancel >= 0)
        eventfd_write(outbox->cancel, 1);
    pthread_cond_signal(&outbox->work);
    pthread_cond_signal(&outbox->disk.keep);
    while ((outbox->sender_runs || outbox->disk.keeper_runs) && outbox_now_us() < deadline_us)
        outbox_wait_until(outbox, &outbox->progress, deadline_us);

    uint64_t left = lost(outbox);
    pthread_mutex_unlock(&outbox->lock);
    return left;
}

size_t outbox_poll(struct outbox *outbox, struct report *reports, size_t count)
{
    size_t taken = 0;

    pthread_mutex_lock(&outbox->lock);
    while (taken < count && reports_take(&outbox->reports, &reports[taken]))
        taken++;
    pthread_mutex_unlock(&outbox->lock);
    return taken;
}

/* What only the spool knows; without the lock. */
static void count_spool(struct spool *spool, struct taskledger_counters *counters)
{
    struct spool_look look;

    spool_look(spool, &look);
    counters->spool_bytes = look.bytes;
    counters->spool_bytes_max = look.bytes_max;
    counters->unprotected = look.unprotected;
    if (counters->spooled > look.events)
        counters->spooled = look.events;
}

void outbox_count(struct outbox *outbox, struct taskledger_counters *counters)
{
    pthread_mutex_lock(&outbox->lock);
    *counters = outbox->counters;
    counters->accepted = queue_last(&outbox->queue);
    counters->queued = queue_count(&outbox->queue);
    counters->queued_bytes = queue_used_bytes(&outbox->queue);
    counters->spooled = outbox->disk.last > outbox->sent_to ? outbox->disk.last - outbox->sent_to : 0;
    counters->spool_works = outbox_spool_works(outbox);
    counters->reports_lost = outbox->reports.lost;
    if (counters->accepted > 0)
        uuid_format(&outbox->accept.identity.producer_id, counters->producer_id);
    struct spool *spool = outbox_spool_borrow(outbox);
    pthread_mutex_unlock(&outbox->lock);
    if (spool == NULL)
        return;

    count_spool(spool, counters);
    pthread_mutex_lock(&outbox->lock);
    outbox_spool_return(outbox);
    pthread_mutex_unlock(&outbox->lock);
}
