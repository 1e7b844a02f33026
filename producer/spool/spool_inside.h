/* spool_inside: what the parts of a spool share. Seen by spool*.c only. */
#ifndef TASKLEDGER_PRODUCER_SPOOL_SPOOL_INSIDE_H
#define TASKLEDGER_PRODUCER_SPOOL_SPOOL_INSIDE_H

#include "producer/spool/folder.h"
#include "producer/spool/inventory.h"
#include "producer/spool/segment.h"
#include "producer/spool/segment_reader.h"
#include "producer/spool/spool.h"
#include "proto/stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct spool {
    struct folder folder;
    char stream[STREAM_NAME_BYTES_MAX + 1];
    char target[SPOOL_TARGET_BYTES_MAX + 1];
    struct segment_home home; /* these two */
    bool keeps;
    bool is_adopted;
    uint64_t bytes_max;
    uint64_t segment_bytes; /* one that has so many is followed by another */
    int64_t patience_us;
    atomic_bool has_new_entries; /* in the sub-folder, which may not be on the disk yet */

    pthread_mutex_t lock; /* never held over I/O; guards the rest of this paragraph */
    struct inventory inventory;
    uint64_t sent_to;
    uint64_t released_to;
    uint64_t unprotected;
    uint64_t damaged;
    bool lost_end;

    struct {             /* the appender's: the segment that is being written */
        atomic_int file; /* owned; -1: the next append begins one */
        uint64_t number;
    } writing;

    struct { /* the reader's: what its segment_reader_next will find */
        struct segment_reader reader;
        uint64_t number;
        uint64_t ordinal;
        uint64_t unread;         /* the ordinal that the disk does not give, */
        int64_t unread_since_us; /* since then; 0: it gives everything */
        uint64_t known_number;   /* adopted: segments up to here were looked into, */
        uint64_t known_to;       /* and hold so many records */
        uint64_t newest;         /* adopted: the number of the last one, which may be torn; 0: unknown */
    } reading;
};

/* Memory, and what the options say; no folder yet. NULL: TRANSIENT, "memory"; FATAL, "config". */
struct spool *spool_new(const struct spool_options *options, struct error *error);

/* Close its files and free its memory. Its folder is closed before. */
void spool_free(struct spool *spool);

/* "could not WHAT the spool NAME", with errno. Returns false. */
bool spool_fail(const struct spool *spool, const char *what, struct error *error);

/* A descriptor for reading; -1, with errno: what the disk did not give is tried again. */
int spool_open_segment(const struct spool *spool, uint64_t number);

enum spool_entered {
    SPOOL_ENTERED,
    SPOOL_GONE,       /* somebody has removed it */
    SPOOL_UNREADABLE, /* it is no file */
    SPOOL_NOT_NOW,    /* the disk does not give it; `error` says why */
};

/* The reader stands before the header of this segment, whose file has so many bytes. */
enum spool_entered spool_enter(struct spool *spool, uint64_t number, uint64_t *bytes, struct error *error);

/* Remove a segment that was taken out of the inventory, or set it aside if it is damaged. When that fails it is put
 * back. */
bool spool_remove(struct spool *spool, const struct segment *segment, struct error *error);

/* Look again at all that may be removed. With `all`, also at what spool_release leaves for the next append. */
void spool_remove_released(struct spool *spool, bool all);

/* Whatever is behind `last` in this segment cannot be read; all of it when `last` is before its first. */
void spool_note_damage(struct spool *spool, uint64_t number, uint64_t last);

/* Somebody else has removed it. False: it was known to be gone. */
bool spool_note_gone(struct spool *spool, uint64_t number);

/* Look into the next segment of an adopted spool that was not looked into; `*learnt`: there was one. */
bool spool_learn(struct spool *spool, bool *learnt, struct error *error);

#endif
