/* outbox_keeper: the side of an outbox that its keeper sees. */
#ifndef TASKLEDGER_PRODUCER_OUTBOX_KEEPER_H
#define TASKLEDGER_PRODUCER_OUTBOX_KEEPER_H

#include "producer/outbox.h"
#include "producer/spool/spool.h"
#include "proto/error.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    OUTBOX_KEEPER_PAUSE_MS = 100,            /* overflow, while Redis is away: between two writes */
    OUTBOX_KEEPER_OPEN_AGAIN_MS = 60 * 1000, /* when a spool could not be made */
    OUTBOX_KEEPER_TELL_MS = 1000,            /* between two stats files */
};

/* As outbox_sender_wanted; never true when no spool is wanted. */
bool outbox_keeper_wanted(struct outbox *outbox);
void outbox_keeper_failed(struct outbox *outbox, const struct error *error);

/* There is a keeper. Returns whose spool it is: the producer's first identity. */
struct uuid outbox_keeper_begins(struct outbox *outbox);

/* The keeper is gone, and so is the spool. */
void outbox_keeper_ends(struct outbox *outbox);

enum outbox_keeper_task {
    OUTBOX_KEEPER_OPEN,    /* make the spool: outbox_keeper_opened */
    OUTBOX_KEEPER_RELEASE, /* outbox_keeper_release */
    OUTBOX_KEEPER_WRITE,   /* outbox_keeper_write */
    OUTBOX_KEEPER_SYNC,    /* outbox_keeper_sync */
    OUTBOX_KEEPER_TELL,    /* outbox_keeper_tell */
    OUTBOX_KEEPER_RUN,     /* an errand: outbox_keeper_run, and then outbox_keeper_ran */
    OUTBOX_KEEPER_END,     /* outbox_keeper_close, and end */
};

/* Wait for something to do. `sync_ms` between two syncs; negative: none. */
enum outbox_keeper_task outbox_keeper_wait(struct outbox *outbox, int sync_ms);

/* Owned by the outbox from now on; NULL: it could not be made. */
void outbox_keeper_opened(struct outbox *outbox, struct spool *spool, const struct error *error);

/* Remove what is done with. The sender shall not hang in a disk that is stuck. */
void outbox_keeper_release(struct outbox *outbox);

void outbox_keeper_write(struct outbox *outbox);
void outbox_keeper_sync(struct outbox *outbox);

/* Write the stats file. What the disk has against that is nobody's business. */
void outbox_keeper_tell(struct outbox *outbox);

/* Release what is done with in the spool that is adopted. Returns it when it is to be closed, and disowned in case of a
 * fork; else NULL. */
struct spool *outbox_keeper_run(struct outbox *outbox, int *fork_place);
void outbox_keeper_ran(struct outbox *outbox);

/* Wait until nobody uses the spool any more, nobody will, and give it to the caller, who owns it then. NULL: there is
 * none. `*done_to`: the ordinal up to which nothing in it is needed. */
struct spool *outbox_keeper_close(struct outbox *outbox, uint64_t *done_to);

#endif
