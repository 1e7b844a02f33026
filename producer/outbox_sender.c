#include "producer/outbox_sender.h"

#include "producer/outbox_inside.h"
#include "proto/exit_code.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

enum { START_AGAIN_US = 1000000 };

bool outbox_sender_wanted(struct outbox *outbox, bool in_hurry)
{
    if (atomic_load_explicit(&outbox->has_sender, memory_order_relaxed))
        return false;
    if (!in_hurry && outbox_now_us() < atomic_load(&outbox->sender_retry_us))
        return false;
    return !atomic_exchange(&outbox->has_sender, true);
}

void outbox_sender_failed(struct outbox *outbox, const struct error *error)
{
    outbox_sender_note_failure(outbox, error);
    atomic_store(&outbox->sender_retry_us, outbox_now_us() + START_AGAIN_US);
    atomic_store(&outbox->has_sender, false);
}

bool outbox_sender_begins(struct outbox *outbox, int *cancel, struct error *error)
{
    pthread_mutex_lock(&outbox->lock);
    if (outbox->cancel < 0)
        outbox->cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool begun = outbox->cancel >= 0;
    if (begun)
        *cancel = outbox->cancel;
    else
        error_set_errno(error, ERROR_TRANSIENT, "descriptors", "could not get a descriptor for the sender");
    outbox->sender_runs = begun;
    pthread_mutex_unlock(&outbox->lock);
    return begun;
}

void outbox_sender_ends(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->sender_runs = false;
    outbox->counters.connected = 0;
    pthread_cond_broadcast(&outbox->progress);
    pthread_mutex_unlock(&outbox->lock);
}

bool outbox_sender_wait(struct outbox *outbox, struct queue_span *span)
{
    pthread_mutex_lock(&outbox->lock);
    while (!outbox->stopping && outbox->queue.count == 0) {
        outbox->sender_sleeps = true;
        pthread_cond_wait(&outbox->work, &outbox->lock);
    }
    outbox->sender_sleeps = false;

    bool stopping = outbox->stopping;
    *span = queue_span(&outbox->queue);
    pthread_mutex_unlock(&outbox->lock);
    return !stopping;
}

const struct queue *outbox_sender_queue(const struct outbox *outbox)
{
    return &outbox->queue;
}

void outbox_sender_rest(struct outbox *outbox, int64_t wait_us)
{
    int64_t start_us = outbox_now_us();
    int64_t end_us = start_us + wait_us;
    int64_t hurried_end_us = start_us + OUTBOX_SENDER_HURRY_MS * 1000;

    if (hurried_end_us > end_us)
        hurried_end_us = end_us;

    pthread_mutex_lock(&outbox->lock);
    for (;;) {
        int64_t until_us = outbox->hurried > 0 ? hurried_end_us : end_us;

        if (outbox->stopping || outbox_now_us() >= until_us)
            break;
        outbox_wait_until(outbox, &outbox->work, until_us);
    }
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_sender_settle(struct outbox *outbox, const struct queue_answered *answered, size_t retried)
{
    pthread_mutex_lock(&outbox->lock);
    queue_release(&outbox->queue, answered);
    outbox->counters.sent += answered->events;
    outbox->counters.sent_bytes += answered->payload_bytes;
    if (answered->events > 0)
        outbox->counters.refused_for_good = 0;
    outbox->counters.retried += retried;
    if (answered->events > 0 && !outbox->closed)
        accept_declare(&outbox->accept);
    if (outbox->hurried > 0)
        pthread_cond_broadcast(&outbox->progress);
    pthread_mutex_unlock(&outbox->lock);
}

static int32_t refused_for_good(const struct error *error)
{
    enum { NO, BY_REDIS, BY_WHAT_WE_WERE_TOLD };

    if (error->kind != ERROR_FATAL)
        return NO;
    return exit_code_of(error) == EXIT_USAGE ? BY_WHAT_WE_WERE_TOLD : BY_REDIS;
}

/* An attempt that we cut off ourselves is nobody's failure. */
void outbox_sender_note_failure(struct outbox *outbox, const struct error *error)
{
    if (strcmp(error->reason, "canceled") == 0)
        return;

    pthread_mutex_lock(&outbox->lock);
    if (strcmp(error->reason, "timeout") == 0)
        outbox->counters.timed_out++;
    else
        outbox->counters.refused++;
    outbox->counters.refused_for_good = refused_for_good(error);
    snprintf(outbox->counters.last_error, sizeof outbox->counters.last_error, "%.255s", error->text);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_sender_note_line(struct outbox *outbox, bool connected)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->counters.connects += connected && outbox->counters.connected == 0;
    outbox->counters.connected = connected;
    pthread_mutex_unlock(&outbox->lock);
}
