#include "producer/keeper.h"

#include "producer/fork.h"
#include "producer/outbox_keeper.h"
#include "producer/spool/spool.h"
#include "proto/gate.h"
#include "proto/thread.h"
#include "proto/uuid.h"

#include <stdlib.h>
#include <string.h>

struct keeper {
    struct outbox *outbox; /* held */
    struct uuid owner;
    char *directory; /* owned */
    char *stream;    /* owned */
    char *target;    /* owned */
    struct spool_options options;
    int sync_ms;
    int fork_place;
};

/* ---- the spool --------------------------------------------------------------------------------------------------- */

static void abandon(void *self)
{
    spool_abandon(self);
}

/* A child made in the middle of it would keep the lock of a folder that it knows nothing of. */
static void open_spool(struct keeper *keeper)
{
    struct error error;

    gate_enter(GATE_SPOOL);
    struct spool *spool = spool_open(&keeper->options, &error);
    if (spool != NULL)
        keeper->fork_place = fork_own(abandon, spool);
    gate_leave(GATE_SPOOL);
    outbox_keeper_opened(keeper->outbox, spool, &error);
}

/* What is not needed goes with the folder. */
static void close_spool(struct keeper *keeper)
{
    uint64_t done_to;
    struct spool *spool = outbox_keeper_close(keeper->outbox, &done_to);

    if (spool == NULL)
        return;
    spool_release(spool, done_to);
    gate_enter(GATE_SPOOL);
    fork_disown(keeper->fork_place);
    spool_close(spool);
    gate_leave(GATE_SPOOL);
}

/* It is done with, or handed back. */
static void run_errand(struct keeper *keeper)
{
    int fork_place;
    struct spool *spool = outbox_keeper_run(keeper->outbox, &fork_place);

    if (spool != NULL) {
        gate_enter(GATE_SPOOL);
        fork_disown(fork_place);
        spool_close(spool);
        gate_leave(GATE_SPOOL);
    }
    outbox_keeper_ran(keeper->outbox);
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

static void end(struct keeper *keeper)
{
    struct outbox *outbox = keeper->outbox;

    free(keeper->directory);
    free(keeper->stream);
    free(keeper->target);
    free(keeper);
    outbox_keeper_ends(outbox);
    outbox_release(outbox);
}

static bool step(struct keeper *keeper)
{
    switch (outbox_keeper_wait(keeper->outbox, keeper->sync_ms)) {
    case OUTBOX_KEEPER_OPEN:
        open_spool(keeper);
        return true;
    case OUTBOX_KEEPER_RELEASE:
        outbox_keeper_release(keeper->outbox);
        return true;
    case OUTBOX_KEEPER_WRITE:
        outbox_keeper_write(keeper->outbox);
        return true;
    case OUTBOX_KEEPER_SYNC:
        outbox_keeper_sync(keeper->outbox);
        return true;
    case OUTBOX_KEEPER_TELL:
        outbox_keeper_tell(keeper->outbox);
        return true;
    case OUTBOX_KEEPER_RUN:
        run_errand(keeper);
        return true;
    case OUTBOX_KEEPER_END:
        break;
    }
    return false;
}

static void *run(void *self)
{
    struct keeper *keeper = self;

    thread_be_unobtrusive();
    while (step(keeper))
        continue;
    close_spool(keeper);
    end(keeper);
    return NULL;
}

/* ---- starting ---------------------------------------------------------------------------------------------------- */

static struct keeper *new_keeper(struct outbox *outbox, const struct settings *settings, struct error *error)
{
    struct keeper *keeper = calloc(1, sizeof *keeper);
    char *directory = strdup(settings->spool_dir);
    char *stream = strdup(settings->stream);
    char *target = strdup(settings->spool_target);

    if (keeper == NULL || directory == NULL || stream == NULL || target == NULL) {
        free(keeper);
        free(directory);
        free(stream);
        free(target);
        error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for the spool");
        return NULL;
    }
    *keeper = (struct keeper){
        .outbox = outbox_hold(outbox),
        .owner = outbox_keeper_begins(outbox),
        .directory = directory,
        .stream = stream,
        .target = target,
        .options = {.directory = directory,
                    .stream = stream,
                    .target = target,
                    .owner = &keeper->owner,
                    .keeps = settings->spool == TASKLEDGER_SPOOL_ALWAYS,
                    .bytes_max = settings->spool_bytes},
        .sync_ms = settings->spool_sync_ms,
        .fork_place = -1,
    };
    return keeper;
}

void keeper_ensure(struct outbox *outbox, const struct settings *settings)
{
    struct keeper *keeper;
    struct error error;

    if (!outbox_keeper_wanted(outbox))
        return;
    keeper = new_keeper(outbox, settings, &error);
    if (keeper != NULL && thread_start(run, keeper))
        return;
    if (keeper != NULL) {
        error_set_errno(&error, ERROR_TRANSIENT, "thread", "could not start the spool's thread");
        end(keeper);
    }
    outbox_keeper_failed(outbox, &error);
}
