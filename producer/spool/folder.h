/* folder: the sub-folder of one producer, and the lock that says whose it is.
 *
 * It is born under another name, .<producer_id>.new, and renamed when its lock is held, so nobody ever finds one that
 * looks abandoned and is not. The lock is flock(2) on a file in it: it belongs to the open file, so it ends with the
 * last descriptor, and a forked child must close its copy. Who holds the lock alone removes the file, so a lock on one
 * that has no name any more counts for nothing. */
#ifndef TASKLEDGER_PRODUCER_SPOOL_FOLDER_H
#define TASKLEDGER_PRODUCER_SPOOL_FOLDER_H

#include "producer/spool/spool.h"
#include "proto/error.h"
#include "proto/uuid.h"

#include <stdatomic.h>
#include <stdbool.h>

struct folder {
    char *directory; /* owned; what it lies in, from the root */
    char name[SPOOL_NAME_BYTES];
    atomic_int place; /* owned descriptors: the sub-folder, and its lock; -1: none */
    atomic_int lock;
    atomic_bool is_new; /* its entry in the directory may not be on the disk yet */
};

/* Make and lock one, and the directory if it is missing. Errors as of spool_open; nothing is left to close then. */
bool folder_make(struct folder *folder, const char *directory, const struct uuid *owner, struct error *error);

/* The same again where somebody has removed it. The descriptors keep their numbers, so others may be using them. */
bool folder_make_again(struct folder *folder, struct error *error);

/* Lock one that is there. Not `*taken`: see spool_adopt; nothing is left to close then. TRANSIENT, "disk" or
 * "memory". */
bool folder_take(struct folder *folder, const char *directory, const char *name, bool *taken, struct error *error);

/* Its entries, and its own, are on the disk. */
bool folder_sync(struct folder *folder, struct error *error);

/* Let go of it; remove it first, if nothing is left in it but what belongs to every folder. */
void folder_close(struct folder *folder);

/* In a forked child. Async-signal-safe. */
void folder_abandon(struct folder *folder);

/* A name that a sub-folder can have. */
bool folder_is_name(const char *name);

/* Remove what was left half made there, long ago, by those who died in folder_make. `directory` is a descriptor. */
void folder_clear(int directory);

/* Close a descriptor that others, or a forked child, may look at meanwhile. */
void folder_close_descriptor(atomic_int *descriptor);

#endif
