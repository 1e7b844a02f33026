#include "producer/outbox.h"

#include "producer/outbox_inside.h"
#include "proto/event.h"
#include "proto/generation.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- making and freeing -------------------------------------------------------------------------------------------- */

static void init_locks(struct outbox *outbox)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;

    /* The critical section is shorter than a sleep: spin a little first. */
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_settype(&mutex, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&outbox->lock, &mutex);
    pthread_mutexattr_destroy(&mutex);

    pthread_condattr_init(&condition);
    pthread_condattr_setclock(&condition, CLOCK_MONOTONIC);
    pthread_cond_init(&outbox->work, &condition);
    pthread_cond_init(&outbox->progress, &condition);
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
    arena_init_with(&arena, outbox->opened, sizeof outbox->opened, sizeof outbox->opened);
    return event_encode_body(&event, &arena, opened, error);
}

static bool init_accept(struct outbox *outbox, const struct settings *settings, struct error *error)
{
    struct accept_ground ground = {
        .queue = &outbox->queue,
        .clock = clock_system(),
        .digester = outbox->digester,
    };

    return encode_opened(outbox, settings, &ground.opened, error) && accept_init(&outbox->accept, &ground, error);
}

struct outbox *outbox_new(const struct settings *settings, const struct digester *kind, struct error *error)
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

    outbox->digester = digester_another(kind);
    bool queued = queue_init(&outbox->queue, settings->queue_events, settings->queue_bytes);
    if (outbox->digester == NULL || !queued)
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
    pthread_cond_destroy(&outbox->progress);
    pthread_cond_destroy(&outbox->work);
    pthread_mutex_destroy(&outbox->lock);
    if (outbox->cancel >= 0)
        close(outbox->cancel);
    digester_free(outbox->digester);
    queue_close(&outbox->queue);
    free(outbox);
}

uint64_t outbox_generation(const struct outbox *outbox)
{
    return outbox->generation;
}

const char *outbox_worker(const struct outbox *outbox)
{
    return outbox->worker;
}

/* ---- callers -------------------------------------------------------------------------------------------------------- */

enum taskledger_result outbox_put(struct outbox *outbox, const struct draft *draft)
{
    enum taskledger_result result = TASKLEDGER_CLOSED;

    pthread_mutex_lock(&outbox->lock);
    if (!outbox->closed) {
        bool accepted = accept_event(&outbox->accept, draft);

        outbox->counters.dropped_full += !accepted;
        outbox->counters.cut += accepted && draft->cut;
        result = accepted ? TASKLEDGER_ACCEPTED : TASKLEDGER_FULL;
    }
    bool wake = outbox->sender_sleeps && outbox->sent_to < outbox->accept.accepted;
    outbox->sender_sleeps = outbox->sender_sleeps && !wake;
    pthread_mutex_unlock(&outbox->lock);

    if (wake)
        pthread_cond_signal(&outbox->work);
    return result;
}

enum taskledger_result outbox_drop(struct outbox *outbox, uint64_t count)
{
    pthread_mutex_lock(&outbox->lock);
    bool closed = outbox->closed;
    if (!closed && count > 0) {
        accept_drop(&outbox->accept, count, "memory");
        outbox->counters.dropped_memory += count;
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

uint64_t outbox_flush(struct outbox *outbox, int64_t deadline_us)
{
    pthread_mutex_lock(&outbox->lock);
    uint64_t target = outbox->accept.accepted;

    outbox->hurried++;
    pthread_cond_signal(&outbox->work);
    while (unanswered(outbox, target) > 0 && outbox_now_us() < deadline_us)
        outbox_wait_until(outbox, &outbox->progress, deadline_us);
    outbox->hurried--;

    uint64_t left = unanswered(outbox, target);
    pthread_mutex_unlock(&outbox->lock);
    return left;
}

void outbox_close(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    accept_close(&outbox->accept);
    outbox->closed = true;
    outbox->sender_sleeps = false;

    /* Here, so that a sender that is left behind never calls libcrypto while the process ends. */
    digester_free(outbox->digester);
    outbox->digester = NULL;
    pthread_mutex_unlock(&outbox->lock);
    pthread_cond_signal(&outbox->work);
}

uint64_t outbox_stop(struct outbox *outbox, int64_t deadline_us)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->stopping = true;
    if (outbox->cancel >= 0)
        eventfd_write(outbox->cancel, 1);
    pthread_cond_signal(&outbox->work);
    while (outbox->sender_runs && outbox_now_us() < deadline_us)
        outbox_wait_until(outbox, &outbox->progress, deadline_us);

    uint64_t left = unanswered(outbox, outbox->accept.accepted);
    pthread_mutex_unlock(&outbox->lock);
    return left;
}

void outbox_count(struct outbox *outbox, struct taskledger_counters *counters)
{
    pthread_mutex_lock(&outbox->lock);
    *counters = outbox->counters;
    counters->accepted = outbox->accept.accepted;
    counters->queued = outbox->queue.count;
    counters->queued_bytes = queue_used_bytes(&outbox->queue);
    if (outbox->accept.accepted > 0)
        uuid_format(&outbox->accept.identity.producer_id, counters->producer_id);
    pthread_mutex_unlock(&outbox->lock);
}
