#include "producer/outbox_keeper.h"

#include "producer/outbox_inside.h"
#include "producer/outbox_spool.h"
#include "producer/spool/stats.h"

#include <stdio.h>
#include <unistd.h>

enum { START_AGAIN_US = 1000000 };

bool outbox_keeper_wanted(struct outbox *outbox)
{
    struct outbox_disk *disk = &outbox->disk;

    if (disk->mode == TASKLEDGER_SPOOL_OFF || atomic_load_explicit(&disk->has_keeper, memory_order_relaxed))
        return false;
    return outbox_now_us() >= atomic_load(&disk->keeper_retry_us) && !atomic_exchange(&disk->has_keeper, true);
}

void outbox_keeper_failed(struct outbox *outbox, const struct error *error)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->disk.keeper_runs = false;
    outbox_spool_refuse(outbox, error, 0);
    pthread_mutex_unlock(&outbox->lock);
    atomic_store(&outbox->disk.keeper_retry_us, outbox_now_us() + START_AGAIN_US);
    atomic_store(&outbox->disk.has_keeper, false);
}

struct uuid outbox_keeper_begins(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->disk.keeper_runs = true;
    outbox->disk.keeper_leaves = false;
    outbox->disk.refuses = false;
    struct uuid owner = outbox->disk.owner;
    pthread_mutex_unlock(&outbox->lock);
    return owner;
}

void outbox_keeper_ends(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    outbox->disk.keeper_runs = false;
    pthread_cond_broadcast(&outbox->disk.change);
    pthread_cond_broadcast(&outbox->progress);
    pthread_mutex_unlock(&outbox->lock);
}

/* ---- what to do -------------------------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

static int64_t later(int64_t a_us, int64_t b_us)
{
    return a_us > b_us ? a_us : b_us;
}

/* When to write; INT64_MAX: not before something happens. */
static int64_t write_due_us(const struct outbox *outbox)
{
    const struct outbox_disk *disk = &outbox->disk;

    if (!outbox_spool_has_more(outbox) || disk->busy)
        return INT64_MAX;
    if (outbox->stopping)
        return disk->last_try ? INT64_MAX : 0;
    if (disk->refuses)
        return disk->retry_us;
    if (disk->mode == TASKLEDGER_SPOOL_ALWAYS || outbox_spool_is_pressed(outbox))
        return 0;
    return disk->redis_is_away ? later(disk->well_us, disk->away_since_us) + OUTBOX_KEEPER_PAUSE_MS * 1000 : INT64_MAX;
}

static int64_t sync_due_us(const struct outbox *outbox, int sync_ms)
{
    const struct outbox_disk *disk = &outbox->disk;

    if (!disk->unsynced || sync_ms < 0 || disk->spool == NULL)
        return INT64_MAX;
    return outbox->stopping ? 0 : disk->unsynced_since_us + INT64_C(1000) * sync_ms;
}

/* The stats file says all that there is to say. */
static bool has_told(const struct outbox *outbox)
{
    return outbox->disk.spool != NULL && outbox->disk.told == outbox_news(outbox);
}

/* Once more at the end: what is left behind is read about when we are gone. */
static int64_t tell_due_us(const struct outbox *outbox)
{
    const struct outbox_disk *disk = &outbox->disk;

    if (disk->spool == NULL || has_told(outbox))
        return INT64_MAX;
    return outbox->stopping ? 0 : disk->told_us + OUTBOX_KEEPER_TELL_MS * 1000;
}

static bool may_release(const struct outbox *outbox)
{
    const struct outbox_disk *disk = &outbox->disk;

    return disk->spool != NULL && !outbox->stopping && outbox_spool_done_to(outbox) > disk->released_to;
}

/* Emits do not wake the keeper while Redis is away: they have other things to do. */
static int64_t look_again_us(const struct outbox *outbox, int64_t now_us)
{
    bool watches = outbox->disk.mode == TASKLEDGER_SPOOL_OVERFLOW && outbox->disk.redis_is_away && !outbox->stopping;

    return watches ? now_us + OUTBOX_KEEPER_PAUSE_MS * 1000 : INT64_MAX;
}

/* True when there is something to do; else `*until_us` tells when there may be. */
static bool find_task(const struct outbox *outbox, int sync_ms, enum outbox_keeper_task *task, int64_t *until_us)
{
    int64_t now_us = outbox_now_us();
    int64_t write_us = write_due_us(outbox);
    int64_t sync_us = sync_due_us(outbox, sync_ms);
    int64_t tell_us = tell_due_us(outbox);

    *until_us = earlier(earlier(earlier(write_us, sync_us), tell_us), look_again_us(outbox, now_us));
    if (may_release(outbox))
        *task = OUTBOX_KEEPER_RELEASE;
    else if (write_us <= now_us)
        *task = outbox->disk.spool == NULL ? OUTBOX_KEEPER_OPEN : OUTBOX_KEEPER_WRITE;
    else if (sync_us <= now_us)
        *task = OUTBOX_KEEPER_SYNC;
    else if (tell_us <= now_us)
        *task = OUTBOX_KEEPER_TELL;
    else if (outbox->disk.errand.is_due)
        *task = OUTBOX_KEEPER_RUN;
    else if (outbox->stopping && !outbox->disk.busy)
        *task = OUTBOX_KEEPER_END;
    else
        return false;
    return true;
}

enum outbox_keeper_task outbox_keeper_wait(struct outbox *outbox, int sync_ms)
{
    struct outbox_disk *disk = &outbox->disk;
    enum outbox_keeper_task task;
    int64_t until_us;

    pthread_mutex_lock(&outbox->lock);
    for (;;) {
        atomic_store(&disk->keeper_sleeps, true); /* before it looks */
        if (find_task(outbox, sync_ms, &task, &until_us))
            break;
        disk->keeper_sleeps_until_us = until_us;
        disk->quiet = has_told(outbox);
        outbox_wait_until(outbox, &disk->keep, until_us);
    }
    atomic_store(&disk->keeper_sleeps, false);
    disk->quiet = false;
    disk->keeper_leaves = task == OUTBOX_KEEPER_END;
    if (task == OUTBOX_KEEPER_OPEN) {
        disk->busy = true;
        outbox_spool_visit(&disk->writer);
    }
    pthread_mutex_unlock(&outbox->lock);
    return task;
}

/* ---- doing it ---------------------------------------------------------------------------------------------------- */

void outbox_keeper_opened(struct outbox *outbox, struct spool *spool, const struct error *error)
{
    pthread_mutex_lock(&outbox->lock);
    outbox_spool_leave(&outbox->disk.writer);
    outbox->disk.busy = false;
    outbox->disk.spool = spool;
    if (spool != NULL)
        outbox->disk.well_us = outbox_now_us();
    else
        outbox_spool_refuse(outbox, error, OUTBOX_KEEPER_OPEN_AGAIN_MS);
    if (outbox->disk.waiting > 0)
        pthread_cond_broadcast(&outbox->disk.change);
    pthread_mutex_unlock(&outbox->lock);
}

/* Others may have written meanwhile, or be at it. */
void outbox_keeper_write(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    if (outbox_spool_has_more(outbox) && !outbox->disk.busy)
        outbox_spool_write(outbox);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_keeper_release(struct outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    uint64_t done_to = outbox->disk.released_to = outbox_spool_done_to(outbox);
    struct spool *spool = outbox_spool_borrow(outbox);
    outbox_spool_visit(&outbox->disk.keeper);
    pthread_mutex_unlock(&outbox->lock);

    spool_release(spool, done_to);

    pthread_mutex_lock(&outbox->lock);
    outbox_spool_leave(&outbox->disk.keeper);
    outbox_spool_return(outbox);
    pthread_mutex_unlock(&outbox->lock);
}

void outbox_keeper_sync(struct outbox *outbox)
{
    struct error error;

    pthread_mutex_lock(&outbox->lock);
    outbox->disk.unsynced = false; /* what comes from now on is for the next time */
    struct spool *spool = outbox_spool_borrow(outbox);
    outbox->disk.keeper_syncs = true;
    outbox_spool_visit(&outbox->disk.keeper);
    if (outbox->disk.waiting > 0)
        pthread_cond_broadcast(&outbox->disk.change); /* for us, in vain */
    pthread_mutex_unlock(&outbox->lock);

    bool synced = spool_sync(spool, &error);

    pthread_mutex_lock(&outbox->lock);
    outbox_spool_leave(&outbox->disk.keeper);
    outbox->disk.keeper_syncs = false;
    outbox_spool_return(outbox);
    if (!synced)
        outbox_spool_refuse(outbox, &error, OUTBOX_SPOOL_RETRY_MS);
    pthread_mutex_unlock(&outbox->lock);
}

/* Only the keeper closes the spool, so nobody takes it away meanwhile. */
void outbox_keeper_tell(struct outbox *outbox)
{
    struct stats stats = {.pid = (uint64_t)getpid()};
    struct error unused;

    snprintf(stats.worker, sizeof stats.worker, "%s", outbox->worker);
    stats.written_at_us = (uint64_t)clock_system()->unix_us(NULL);
    outbox_count(outbox, &stats.counters);

    pthread_mutex_lock(&outbox->lock);
    if (outbox->sent_to < queue_last(&outbox->queue))
        stats.oldest_unsent_at_us = (uint64_t)outbox->oldest_at_us;
    outbox->disk.told = outbox_news(outbox);
    outbox->disk.told_us = outbox_now_us();
    struct spool *spool = outbox->disk.spool;
    outbox_spool_visit(&outbox->disk.keeper);
    pthread_mutex_unlock(&outbox->lock);

    if (spool != NULL)
        stats_write(spool_folder(spool), &stats, &unused);

    pthread_mutex_lock(&outbox->lock);
    outbox_spool_leave(&outbox->disk.keeper);
    pthread_mutex_unlock(&outbox->lock);
}

struct spool *outbox_keeper_run(struct outbox *outbox, int *fork_place)
{
    struct outbox_errand *errand = &outbox->disk.errand;

    pthread_mutex_lock(&outbox->lock);
    struct spool *spool = errand->spool;
    uint64_t release_to = errand->release_to;
    errand->is_due = false;
    outbox_spool_visit(&outbox->disk.keeper);
    pthread_mutex_unlock(&outbox->lock);

    spool_release(spool, release_to);

    /* Perhaps it was given to us meanwhile. */
    pthread_mutex_lock(&outbox->lock);
    bool closes = errand->closes && !errand->is_due;
    *fork_place = errand->fork_place;
    pthread_mutex_unlock(&outbox->lock);
    return closes ? spool : NULL;
}

void outbox_keeper_ran(struct outbox *outbox)
{
    struct outbox_errand *errand = &outbox->disk.errand;

    pthread_mutex_lock(&outbox->lock);
    outbox_spool_leave(&outbox->disk.keeper);
    if (!errand->is_due)
        *errand = (struct outbox_errand){.spool = NULL};
    pthread_mutex_unlock(&outbox->lock);
}

struct spool *outbox_keeper_close(struct outbox *outbox, uint64_t *done_to)
{
    struct outbox_disk *disk = &outbox->disk;

    pthread_mutex_lock(&outbox->lock);
    struct spool *spool = disk->spool;
    disk->spool = NULL;
    while (disk->borrowed > 0 || disk->busy) {
        atomic_store(&disk->keeper_sleeps, true);
        outbox_wait_until(outbox, &disk->keep, INT64_MAX);
        atomic_store(&disk->keeper_sleeps, false);
    }
    *done_to = disk->mode == TASKLEDGER_SPOOL_ALWAYS ? outbox->confirmed_to : outbox->sent_to;
    pthread_mutex_unlock(&outbox->lock);
    return spool;
}
