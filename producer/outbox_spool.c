#include "producer/outbox_spool.h"

#include "producer/outbox_chain.h"
#include "producer/outbox_inside.h"
#include "producer/queue.h"
#include "proto/event.h"
#include "proto/thread.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_EVENTS_MAX = 2048, BATCH_BYTES_FULL = 256 * 1024 };

/* What is written at once: copies. */
struct outbox_batch {
    size_t count;
    size_t used;
    uint64_t next; /* the ordinal behind them */
    struct spool_record records[BATCH_EVENTS_MAX];
    uint8_t bytes[BATCH_BYTES_FULL + EVENT_BYTES_MAX];
};

bool outbox_spool_init(struct outbox *outbox, enum taskledger_spool mode)
{
    outbox->disk.mode = mode;
    if (mode == TASKLEDGER_SPOOL_OFF)
        return true;
    outbox->disk.batch = malloc(sizeof *outbox->disk.batch);
    return outbox->disk.batch != NULL;
}

void outbox_spool_free(struct outbox *outbox)
{
    assert(outbox->disk.spool == NULL);
    free(outbox->disk.batch);
}

/* ---- waking ------------------------------------------------------------------------------------------------------ */

static void wake_keeper(struct outbox *outbox)
{
    if (atomic_exchange(&outbox->disk.keeper_sleeps, false))
        pthread_cond_signal(&outbox->disk.keep);
}

/* For those who emit without the lock. */
static bool note_pressure(struct outbox *outbox)
{
    bool pressed = outbox_spool_is_pressed(outbox);

    atomic_store_explicit(&outbox->disk.pressed, pressed, memory_order_relaxed);
    return pressed;
}

void outbox_spool_note_put(struct outbox *outbox)
{
    struct outbox_disk *disk = &outbox->disk;

    if (disk->refuses && disk->keeper_sleeps_until_us <= disk->retry_us)
        return;
    if (disk->mode == TASKLEDGER_SPOOL_ALWAYS || note_pressure(outbox))
        wake_keeper(outbox);
}

void outbox_spool_note_news(struct outbox *outbox)
{
    if (outbox->disk.quiet)
        wake_keeper(outbox);
    outbox->disk.quiet = false;
}

void outbox_spool_note_errand(struct outbox *outbox)
{
    wake_keeper(outbox);
}

void outbox_spool_note_redis(struct outbox *outbox, bool is_away)
{
    struct outbox_disk *disk = &outbox->disk;

    outbox_spool_note_news(outbox);
    if (is_away && !disk->redis_is_away) {
        disk->away_since_us = outbox_now_us();
        wake_keeper(outbox);
    }
    disk->redis_is_away = is_away;
}

void outbox_spool_note_done(struct outbox *outbox)
{
    if (outbox_spool_done_to(outbox) > outbox->disk.released_to)
        wake_keeper(outbox);
}

uint64_t outbox_spool_done_to(const struct outbox *outbox)
{
    const struct outbox_disk *disk = &outbox->disk;

    if (disk->mode == TASKLEDGER_SPOOL_ALWAYS)
        return outbox->confirmed_to;
    return outbox->sent_to < disk->last ? outbox->sent_to : disk->last;
}

bool outbox_spool_is_pressed(const struct outbox *outbox)
{
    const struct queue *queue = &outbox->queue;
    uint64_t next = outbox->disk.next;

    return outbox->disk.mode == TASKLEDGER_SPOOL_OVERFLOW &&
           (queue_events_behind(queue, next) > queue->events_max / 2 ||
            queue_bytes_behind(queue, next) > queue->capacity / 2);
}

/* It was written, or is not in memory any more. */
static bool is_gone(const struct outbox *outbox, uint64_t ordinal)
{
    return ordinal < outbox->disk.next || ordinal < outbox->queue.first;
}

bool outbox_spool_has_more(const struct outbox *outbox)
{
    const struct outbox_disk *disk = &outbox->disk;

    if (disk->mode == TASKLEDGER_SPOOL_OFF || is_gone(outbox, queue_ready(&outbox->queue)))
        return false;
    return disk->mode == TASKLEDGER_SPOOL_ALWAYS || outbox->sent_to < queue_last(&outbox->queue);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

/* So few that nobody waits long for the lock. False: that is all for now. */
static bool collect_some(struct outbox *outbox, struct outbox_batch *batch)
{
    struct queue_event event;
    size_t bytes = 0;

    for (int i = 0; i < OUTBOX_SLICE_EVENTS && bytes < OUTBOX_SLICE_BYTES; i++) {
        uint64_t next = batch->next;

        if (batch->count == BATCH_EVENTS_MAX || batch->used >= BATCH_BYTES_FULL ||
            !queue_next(&outbox->queue, &next, &event))
            return false;
        /* Meanwhile some were answered: what lies behind them goes with the next write. */
        if (batch->count > 0 && event.ordinal != batch->next)
            return false;
        memcpy(batch->bytes + batch->used, event.payload.data, event.payload.size);
        batch->records[batch->count++] =
            (struct spool_record){event.ordinal, slice_of(batch->bytes + batch->used, event.payload.size)};
        batch->used += event.payload.size;
        batch->next = next;
        bytes += event.payload.size;
    }
    return true;
}

/* Lets go of the lock. There may be nothing after all, though there was: it was answered meanwhile. */
static void collect(struct outbox *outbox, struct outbox_batch *batch)
{
    batch->count = 0;
    batch->used = 0;
    batch->next = outbox->disk.next;
    do {
        pthread_mutex_unlock(&outbox->lock);
        outbox_chain_some(outbox);
        pthread_mutex_lock(&outbox->lock);
    } while (collect_some(outbox, batch));
}

static void note_written(struct outbox *outbox, const struct outbox_batch *batch, int64_t now_us)
{
    struct outbox_disk *disk = &outbox->disk;

    outbox_report(outbox, TASKLEDGER_REPORT_SPOOLED, batch->records[0].ordinal, batch->next - 1);
    disk->next = batch->next;
    disk->last = batch->next - 1;
    disk->well_us = now_us;
    disk->refuses = false;
    outbox->counters.spool_written += batch->count;
    outbox_release_memory(outbox);
    note_pressure(outbox);

    if (!disk->unsynced && disk->mode == TASKLEDGER_SPOOL_ALWAYS) {
        disk->unsynced = true;
        disk->unsynced_since_us = now_us;
        wake_keeper(outbox);
    }
}

void outbox_spool_refuse(struct outbox *outbox, const struct error *error, int64_t retry_ms)
{
    struct outbox_disk *disk = &outbox->disk;

    disk->refuses = true;
    disk->retry_us = outbox_now_us() + retry_ms * 1000;
    disk->last_try = outbox->stopping;
    snprintf(outbox->counters.spool_error, sizeof outbox->counters.spool_error, "%.255s", error->text);
    outbox_release_memory(outbox);
    wake_keeper(outbox);
}

/* The keeper goes on at once, and finds out. */
static void note_slow(struct outbox *outbox, int64_t took_us)
{
    struct error error;

    error_set(&error, ERROR_TRANSIENT, "disk", "could not write to the spool within %d ms: it took %lld so far",
              OUTBOX_SPOOL_PATIENCE_MS, (long long)took_us / 1000);
    outbox_spool_refuse(outbox, &error, 0);
    if (outbox->disk.waiting > 0)
        pthread_cond_broadcast(&outbox->disk.change);
}

void outbox_spool_visit(struct outbox_visitor *visitor)
{
    *visitor = (struct outbox_visitor){thread_number(), outbox_now_us()};
}

void outbox_spool_leave(struct outbox_visitor *visitor)
{
    *visitor = (struct outbox_visitor){.since_us = 0};
}

static bool is_slow(int64_t took_us)
{
    return took_us >= OUTBOX_SPOOL_PATIENCE_MS * 1000;
}

void outbox_spool_write(struct outbox *outbox)
{
    struct outbox_disk *disk = &outbox->disk;
    struct outbox_batch *batch = disk->batch;
    struct spool *spool = disk->spool;
    struct error error;

    disk->busy = true;
    collect(outbox, batch);
    outbox_spool_visit(&disk->writer);
    pthread_mutex_unlock(&outbox->lock);
    int64_t waits = thread_waits();
    bool written = batch->count == 0 || spool_append(spool, batch->records, batch->count, &error);
    bool waited = thread_waits() > waits;
    int64_t now_us = outbox_now_us();
    pthread_mutex_lock(&outbox->lock);

    int64_t took_us = waited ? now_us - disk->writer.since_us : 0;
    outbox_spool_leave(&disk->writer);
    disk->busy = false;
    if (written && batch->count > 0)
        note_written(outbox, batch, now_us);
    if (!written)
        outbox_spool_refuse(outbox, &error, OUTBOX_SPOOL_RETRY_MS);
    else if (disk->mode == TASKLEDGER_SPOOL_ALWAYS && !outbox->stopping && is_slow(took_us))
        note_slow(outbox, took_us);

    if (disk->waiting > 0)
        pthread_cond_broadcast(&disk->change);
    else if (outbox->stopping || outbox_spool_has_more(outbox))
        wake_keeper(outbox);
}

/* ---- an emit ----------------------------------------------------------------------------------------------------- */

/* A disk that syncs for a while takes writes all the same; one that does not come to an end is rather dead. */
static bool keeper_syncs(const struct outbox_disk *disk, int64_t now_us)
{
    return disk->keeper_syncs && now_us - disk->keeper.since_us < OUTBOX_SPOOL_SYNC_MS * 1000;
}

/* Where the disk was well a moment ago, or the keeper is not to be had. */
static bool may_write(const struct outbox_disk *disk, int64_t now_us)
{
    return !disk->busy && disk->spool != NULL &&
           (now_us - disk->well_us < OUTBOX_SPOOL_RECENT_MS * 1000 || keeper_syncs(disk, now_us));
}

static void wait_for_keeper(struct outbox *outbox, int64_t end_us)
{
    struct outbox_disk *disk = &outbox->disk;

    disk->waiting++;
    if (!disk->busy)
        wake_keeper(outbox);
    outbox_wait_until(outbox, &disk->change, end_us);
    disk->waiting--;
}

/* For whom everybody waits, if he has been at the disk for long. */
static bool find_held(const struct outbox_disk *disk, int64_t now_us, struct outbox_visitor *held)
{
    *held = disk->busy ? disk->writer : disk->keeper;
    return held->since_us != 0 && now_us - held->since_us >= OUTBOX_SPOOL_HELD_MS * 1000;
}

/* Was it the disk? Lets go of the lock. */
static void give_up(struct outbox *outbox, int64_t now_us)
{
    struct outbox_visitor held, still;

    if (!find_held(&outbox->disk, now_us, &held))
        return;
    pthread_mutex_unlock(&outbox->lock);
    bool sleeps = thread_sleeps(held.thread);
    pthread_mutex_lock(&outbox->lock);
    if (sleeps && find_held(&outbox->disk, now_us, &still) && still.since_us == held.since_us)
        note_slow(outbox, now_us - held.since_us);
}

static int64_t patience_us(const struct outbox_disk *disk)
{
    return INT64_C(1000) * (disk->well_us == 0 ? OUTBOX_SPOOL_FIRST_MS : OUTBOX_SPOOL_PATIENCE_MS);
}

bool outbox_spool_commit(struct outbox *outbox, uint64_t ordinal)
{
    struct outbox_disk *disk = &outbox->disk;
    int64_t now_us = outbox_now_us();
    int64_t end_us = now_us + patience_us(disk);

    for (; disk->next <= ordinal; now_us = outbox_now_us()) {
        if (!disk->keeper_runs || disk->refuses)
            return false;
        if (now_us >= end_us) {
            give_up(outbox, now_us);
            return disk->next > ordinal;
        }
        if (may_write(disk, now_us))
            outbox_spool_write(outbox);
        else
            wait_for_keeper(outbox, end_us);
    }
    return true;
}

/* ---- using it ---------------------------------------------------------------------------------------------------- */

bool outbox_spool_works(const struct outbox *outbox)
{
    return outbox->disk.spool != NULL && !outbox->disk.refuses;
}

struct spool *outbox_spool_borrow(struct outbox *outbox)
{
    if (outbox->disk.spool != NULL)
        outbox->disk.borrowed++;
    return outbox->disk.spool;
}

void outbox_spool_return(struct outbox *outbox)
{
    outbox->disk.borrowed--;
    if (outbox->stopping)
        wake_keeper(outbox);
}
