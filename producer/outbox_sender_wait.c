#include "producer/outbox_inside.h"
#include "producer/outbox_sender.h"

/* With the lock held. */
static bool has_work(const struct outbox *outbox)
{
    return outbox->sent_to < queue_ready(&outbox->queue) || outbox->sweep.wanted > outbox->sweep.seen;
}

/* With the lock held. */
static bool hurries(const struct outbox *outbox)
{
    return outbox->closed && outbox->hurried > 0;
}

/* With the lock held. Who waits in close may begin to do so at any moment. */
static int64_t wait_end_us(const struct outbox *outbox, int64_t start_us, int64_t until_us)
{
    int64_t hurried_us = start_us + OUTBOX_SENDER_CLOSING_MS * 1000;

    return hurries(outbox) && hurried_us < until_us ? hurried_us : until_us;
}

/* With the lock held. Somebody waits for what is there, or would have to soon. */
static bool is_urgent(const struct outbox *outbox)
{
    return outbox->hurried > 0 || outbox->sweep.wanted > outbox->sweep.seen || outbox_is_filling(outbox);
}

/* With the lock held: until when there is nothing to do; 0: there is something. */
static int64_t idle_until_us(const struct outbox *outbox, int64_t now_us)
{
    if (now_us < outbox->pace.next_us && !is_urgent(outbox))
        return outbox->pace.next_us;
    return has_work(outbox) ? 0 : INT64_MAX;
}

bool outbox_sender_wait(struct outbox *outbox, int64_t until_us)
{
    int64_t start_us = outbox_now_us();

    pthread_mutex_lock(&outbox->lock);
    while (!outbox->stopping) {
        /* Before it looks, see outbox_sender_state. */
        atomic_store(&outbox->sender, OUTBOX_SENDER_SLEEPS);
        int64_t now_us = outbox_now_us();
        int64_t idle_us = idle_until_us(outbox, now_us);
        int64_t end_us = wait_end_us(outbox, start_us, until_us);

        if (now_us >= idle_us || now_us >= end_us)
            break;
        if (idle_us != INT64_MAX)
            atomic_store(&outbox->sender, OUTBOX_SENDER_NAPS);
        outbox_wait_until(outbox, &outbox->work, idle_us < end_us ? idle_us : end_us);
    }
    atomic_store(&outbox->sender, OUTBOX_SENDER_AWAKE);

    bool stopping = outbox->stopping;
    pthread_mutex_unlock(&outbox->lock);
    return !stopping;
}

bool outbox_sender_hurries(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    bool hurry = hurries(outbox);
    pthread_mutex_unlock(&outbox->lock);
    return hurry;
}

struct outbox_rest outbox_sender_rest_of(int64_t wait_us)
{
    int64_t now_us = outbox_now_us();

    return (struct outbox_rest){.begun_us = now_us, .end_us = now_us + wait_us};
}

/* With the lock held. */
static bool has_more(const struct outbox *outbox, uint64_t behind)
{
    return queue_ready(&outbox->queue) > (behind > outbox->sent_to ? behind : outbox->sent_to);
}

/* With the lock held. */
static int64_t rest_end_us(const struct outbox *outbox, const struct outbox_rest *rest)
{
    int64_t hurried_us = rest->begun_us + OUTBOX_SENDER_HURRY_MS * 1000;

    return outbox->hurried > 0 && hurried_us < rest->end_us ? hurried_us : rest->end_us;
}

bool outbox_sender_rest(struct outbox *outbox, const struct outbox_rest *rest, uint64_t behind)
{
    bool more = false;

    /* Its end comes first: there may always be more. */
    pthread_mutex_lock(&outbox->lock);
    while (!more && !outbox->stopping && outbox_now_us() < rest_end_us(outbox, rest)) {
        if (behind < UINT64_MAX)
            atomic_store(&outbox->sender, OUTBOX_SENDER_SLEEPS); /* before it looks, as above */
        more = has_more(outbox, behind);
        if (!more)
            outbox_wait_until(outbox, &outbox->work, rest_end_us(outbox, rest));
    }
    atomic_store(&outbox->sender, OUTBOX_SENDER_AWAKE);
    pthread_mutex_unlock(&outbox->lock);
    return more;
}
