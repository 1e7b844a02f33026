#include "producer/outbox_sender.h"

#include "producer/outbox_chain.h"
#include "producer/outbox_inside.h"
#include "producer/outbox_spool.h"
#include "proto/descriptors.h"
#include "proto/exit_code.h"

#include <inttypes.h>
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
        outbox->cancel = descriptors_lift(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
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

/* ---- taking ------------------------------------------------------------------------------------------------------ */

/* Where taking begins. */
static struct outbox_place find(const struct outbox *outbox, const struct parcel *parcel)
{
    uint64_t taken_to = parcel->count > 0 ? parcel_last(parcel) : outbox->sent_to;

    return (struct outbox_place){taken_to + 1, outbox->queue.first};
}

/* So few that nobody waits long for the lock. False: that is all for now. */
static bool take_some(struct outbox *outbox, uint64_t next, struct parcel *parcel)
{
    struct queue_event event;
    size_t bytes = 0;

    for (int i = 0; i < OUTBOX_SLICE_EVENTS && bytes < OUTBOX_SLICE_BYTES; i++) {
        if (!parcel_has_room(parcel) || !queue_next(&outbox->queue, &next, &event))
            return false;
        parcel_add(parcel, event.ordinal, event.shard, event.payload);
        bytes += event.payload.size;
    }
    return true;
}

int64_t outbox_sender_apart_us(uint64_t events, int64_t passed_us)
{
    if (events * OUTBOX_SENDER_PACE_US < (uint64_t)passed_us * OUTBOX_SENDER_PACE_EVENTS)
        return 0;
    int64_t worth_us = passed_us * OUTBOX_SENDER_PACE_WORTH / (int64_t)events;
    if (worth_us < OUTBOX_SENDER_PACE_US)
        return OUTBOX_SENDER_PACE_US;
    return worth_us < OUTBOX_SENDER_PACE_MAX_US ? worth_us : OUTBOX_SENDER_PACE_MAX_US;
}

/* With the lock held. When events come fast, the next parcel waits for some of them. */
static void note_pace(struct outbox *outbox, int64_t now_us)
{
    struct outbox_pace *pace = &outbox->pace;
    int64_t passed_us = now_us - pace->since_us;
    uint64_t last = queue_last(&outbox->queue);
    uint64_t events = last - pace->from;

    if (passed_us >= OUTBOX_SENDER_LOOK_US) {
        pace->apart_us = outbox_sender_apart_us(events, passed_us);
        pace->since_us = now_us;
        pace->from = last;
    }
    pace->next_us = pace->apart_us == 0 ? 0 : now_us + pace->apart_us;
}

struct outbox_place outbox_sender_take(struct outbox *outbox, struct parcel *parcel)
{
    int64_t now_us = outbox_now_us();
    struct outbox_place place;
    bool more;

    pthread_mutex_lock(&outbox->lock);
    note_pace(outbox, now_us);
    pthread_mutex_unlock(&outbox->lock);
    do {
        outbox_chain_some(outbox);
        pthread_mutex_lock(&outbox->lock);
        place = find(outbox, parcel);
        more = place.next >= place.memory && take_some(outbox, place.next, parcel);
        pthread_mutex_unlock(&outbox->lock);
    } while (more);
    return place;
}

void outbox_sender_note_oldest(struct outbox *outbox, int64_t at_us)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->oldest_at_us = at_us;
    pthread_mutex_unlock(&outbox->lock);
}

/* With the lock held. What Redis had and lost again may be found lost more than once. */
static void lose(struct outbox *outbox, uint64_t first, uint64_t last)
{
    struct taskledger_counters *counters = &outbox->counters;

    first = first > outbox->lost_to ? first : outbox->lost_to + 1;
    if (first > last)
        return;
    outbox->lost_to = last;
    counters->spool_lost += last - first + 1;
    snprintf(counters->spool_error, sizeof counters->spool_error,
             "%" PRIu64 " events were lost in the spool: it is damaged, or somebody has removed them",
             counters->spool_lost);
    outbox_report(outbox, TASKLEDGER_REPORT_DROPPED, first, last);
    outbox_spool_note_news(outbox);
}

void outbox_sender_skip(struct outbox *outbox, uint64_t ordinal)
{
    pthread_mutex_lock(&outbox->lock);
    lose(outbox, outbox->sent_to + 1, ordinal - 1);
    outbox->sent_to = ordinal - 1;
    if (outbox->sent_once_to < outbox->sent_to)
        outbox->sent_once_to = outbox->sent_to;
    if (outbox->hurried > 0)
        pthread_cond_broadcast(&outbox->progress);
    pthread_mutex_unlock(&outbox->lock);
}

/* ---- settling ---------------------------------------------------------------------------------------------------- */

/* What is new at the front of a parcel. */
struct news {
    uint64_t sent_to;
    size_t events;
    size_t payload_bytes;
    size_t again; /* of the events: arrived before, and were lost there */
    bool whole;   /* nothing is left in the parcel */
};

/* It is answered, as is what was taken out behind it. */
static void add_news(const struct outbox *outbox, const struct parcel_item *item, struct news *news)
{
    uint64_t once = outbox->sent_once_to;
    uint64_t last = parcel_item_last(item);
    uint64_t before = item->ordinal - 1;

    news->sent_to = last;
    news->events += last - before;
    news->again += once <= before ? 0 : (once < last ? once : last) - before;
    news->payload_bytes += once <= before ? item->size + item->behind.bytes : 0;
}

/* Without the lock: only the sender changes what it looks at. */
static struct news news_of(const struct outbox *outbox, const struct parcel *parcel)
{
    struct news news = {.sent_to = outbox->sent_to, .whole = true};

    for (size_t i = 0; i < parcel->count && news.whole; i++) {
        const struct parcel_item *item = &parcel->items[i];

        news.whole = item->state == PARCEL_ANSWERED;
        if (news.whole && item->ordinal > news.sent_to)
            add_news(outbox, item, &news);
    }
    return news;
}

static void take_note(struct outbox *outbox, const struct news *news)
{
    if (outbox->sent_once_to < news->sent_to) {
        uint64_t first = outbox->sent_to < outbox->sent_once_to ? outbox->sent_once_to : outbox->sent_to;

        outbox_report(outbox, TASKLEDGER_REPORT_SENT, first + 1, news->sent_to);
        outbox->sent_once_to = news->sent_to;
    }
    outbox->sent_to = news->sent_to;
    outbox->counters.sent += news->events - news->again;
    outbox->counters.resent += news->again;
    outbox->counters.sent_bytes += news->payload_bytes;
    outbox->counters.refused_for_good = 0;
}

bool outbox_sender_settle(struct outbox *outbox, const struct parcel *parcel, size_t retried)
{
    struct news news = news_of(outbox, parcel);

    pthread_mutex_lock(&outbox->lock);
    outbox->counters.retried += retried;
    if (news.events > 0)
        take_note(outbox, &news);
    /* The parcel has copies of what is not answered, so memory need not wait for the rest of it. */
    if (news.events > 0 || news.whole) {
        outbox->answered = news.sent_to + 1;
        outbox_release_memory(outbox);
    }
    if (news.events > 0)
        outbox_spool_note_redis(outbox, false);
    if (news.events > 0 && !outbox->closed) {
        accept_declare(&outbox->accept);
        outbox_spool_note_put(outbox);
    }
    if (outbox->hurried > 0)
        pthread_cond_broadcast(&outbox->progress);
    pthread_mutex_unlock(&outbox->lock);
    return news.events > 0;
}

/* ---- the spool --------------------------------------------------------------------------------------------------- */

struct spool *outbox_sender_borrow_spool(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    struct spool *spool = outbox_spool_borrow(outbox);
    pthread_mutex_unlock(&outbox->lock);
    return spool;
}

void outbox_sender_return_spool(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    outbox_spool_return(outbox);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_sender_forget(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    uint64_t sent_to = outbox->sent_to;
    bool keeps = outbox->disk.mode == TASKLEDGER_SPOOL_ALWAYS;
    struct spool *spool = keeps ? outbox_spool_borrow(outbox) : NULL;
    outbox_spool_note_done(outbox);
    pthread_mutex_unlock(&outbox->lock);
    if (spool == NULL)
        return;

    spool_note_sent(spool, sent_to);
    outbox_sender_return_spool(outbox);
}

void outbox_sender_confirmed(struct outbox *outbox, uint64_t ordinal)
{
    pthread_mutex_lock(&outbox->lock);
    if (ordinal > outbox->confirmed_to) {
        outbox_report(outbox, TASKLEDGER_REPORT_CONFIRMED, outbox->confirmed_to + 1, ordinal);
        outbox->counters.confirmed += ordinal - outbox->confirmed_to;
        outbox->confirmed_to = ordinal;
        outbox_spool_note_done(outbox);
        pthread_cond_broadcast(&outbox->progress);
    }
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_sender_rewind(struct outbox *outbox, uint64_t ordinal)
{
    pthread_mutex_lock(&outbox->lock);
    bool back = outbox->sent_to >= ordinal;
    struct spool *spool = back ? outbox_spool_borrow(outbox) : NULL;
    if (back) {
        outbox->sent_to = ordinal - 1;
        outbox->answered = outbox->queue.first;
        outbox_release_memory(outbox);
    }
    pthread_mutex_unlock(&outbox->lock);
    if (spool == NULL)
        return;

    /* At once: what is to be sent again must not be given up for want of room. */
    spool_note_sent(spool, ordinal - 1);
    outbox_sender_return_spool(outbox);
}

void outbox_sender_note_resent(struct outbox *outbox, size_t events)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->counters.resent += events;
    pthread_mutex_unlock(&outbox->lock);
}

/* ---- trouble ----------------------------------------------------------------------------------------------------- */

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
    outbox_spool_note_redis(outbox, true);
    snprintf(outbox->counters.last_error, sizeof outbox->counters.last_error, "%.255s", error->text);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_sender_note_refusal(struct outbox *outbox, const struct error *error)
{
    pthread_mutex_lock(&outbox->lock);
    snprintf(outbox->counters.last_error, sizeof outbox->counters.last_error, "%.255s", error->text);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_sender_note_disk(struct outbox *outbox, const struct error *error)
{
    pthread_mutex_lock(&outbox->lock);
    snprintf(outbox->counters.spool_error, sizeof outbox->counters.spool_error, "%.255s", error->text);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_sender_note_line(struct outbox *outbox, bool connected)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->counters.connects += connected && outbox->counters.connected == 0;
    outbox->counters.connected = connected;
    pthread_mutex_unlock(&outbox->lock);
}
