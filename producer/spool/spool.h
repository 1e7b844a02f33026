/* spool: what one producer has accepted, on disk, until it need not be there any more.
 *
 *   SPOOL_DIR/
 *     <producer_id>/                       one locked sub-folder per producer, named by its first identity
 *       lock                               flock(2) of its owner, or of who adopts it; when free, the owner is gone
 *       stats                              counters for people, replaced once a second (producer/spool/stats.h)
 *       00000000000000000001.segment       named by the first ordinal in it (producer/spool/segment.h tells the format)
 *       00000000000000004711.segment
 *       00000000000000000815.damaged       salvaged up to the damage, then set aside
 *
 * There is no index file: all that is known of a spool is derived from its segments. A segment covers consecutive
 * ordinals; where one is missing, since the disk did not take it, the next one begins a new segment.
 *
 * The sub-folder is made under another name, locked, and then renamed, so that nobody takes it for abandoned. Its
 * files belong to one user and are readable by nobody else. Nothing is ever mapped: a full disk would be a SIGBUS.
 *
 * One spool is used by one appender (spool_append), one reader (spool_read), one who syncs (spool_sync) and one who
 * releases (spool_release) at a time, which may be four threads, none of which waits for another; spool_look and
 * spool_note_sent are for anybody. Its own lock is never held over I/O.
 *
 * Should somebody remove the sub-folder beneath its owner, what was in it is gone, and the next segment makes it
 * anew. */
#ifndef TASKLEDGER_PRODUCER_SPOOL_SPOOL_H
#define TASKLEDGER_PRODUCER_SPOOL_SPOOL_H

#include "producer/parcel.h"
#include "proto/error.h"
#include "proto/slice.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPOOL_SEGMENT_BYTES = 4 * 1024 * 1024, /* one that has so many is followed by another; less for small caps */
    SPOOL_TARGET_BYTES_MAX = 447,
    SPOOL_NAME_BYTES = 37,             /* of a sub-folder, with the NUL */
    SPOOL_PATIENCE_MS = 5 * 60 * 1000, /* with a disk that does not give something back */
};

#define SPOOL_BYTES_DEFAULT (UINT64_C(256) * 1024 * 1024)
#define SPOOL_BYTES_MIN     (UINT64_C(1024) * 1024)

struct spool;

struct spool_options {
    const char *directory; /* SPOOL_DIR; made when it is missing, its parents too */
    const char *stream;    /* whose events these are: an adopter sends them nowhere else, */
    const char *target;    /* nor to another Redis, as this text names it; NULL: "" */
    const struct uuid *owner;
    bool keeps;          /* segments are wanted until the ledger has them, not only until Redis has: spool `always` */
    uint64_t bytes_max;  /* all segments together */
    int64_t patience_ms; /* 0: SPOOL_PATIENCE_MS */
};

/* Make and lock the sub-folder of a new producer. TRANSIENT, "disk"; FATAL, "config" when the stream's name, the target
 * or the path is too long; TRANSIENT, "memory". */
struct spool *spool_open(const struct spool_options *options, struct error *error);

/* Take over what an owner left that is gone. `name` is a sub-folder. `*spool` is NULL, and true returned, when it is
 * none of ours to take: its owner lives, another adopter has it, another user owns it, it is of another stream or
 * target, it holds no events, or it is gone meanwhile. Of the options it uses the directory, the stream and the target.
 *
 * Ordinals count its records from 1; it cannot be appended to. What is torn at the end of its last segment is left
 * out; a segment that is damaged elsewhere is read up to the damage and then set aside. Segments of other versions are
 * left alone; REJECTED, "version" when there are no others. TRANSIENT, "disk" or "memory". */
bool spool_adopt(const struct spool_options *options, const char *name, struct spool **spool, struct error *error);

/* Close; remove the sub-folder if no segment is left in it. NULL is fine. */
void spool_close(struct spool *spool);

/* In a forked child: close the inherited descriptors and do nothing else. Async-signal-safe. */
void spool_abandon(struct spool *spool);

/* The sub-folder's name, and whether it keeps; as long as the spool lives. */
const char *spool_name(const struct spool *spool);
bool spool_keeps(const struct spool *spool);

/* A descriptor of the sub-folder, for what else lies in it (producer/spool/stats.h); borrowed. */
int spool_folder(const struct spool *spool);

struct spool_record {
    uint64_t ordinal;
    struct slice payload;
};

/* Append all or nothing. Ordinals are consecutive within a call and ascend from call to call; those that were appended
 * already must not come again. At the cap segments that need only be kept (spool_note_sent) are given up, oldest first,
 * and counted as unprotected; TRANSIENT, "spool_full" when that does not help, "disk" when the disk refuses (full,
 * read-only, gone): what was written of it is taken back. */
bool spool_append(struct spool *spool, const struct spool_record *records, size_t count, struct error *error);

/* Everything that was appended before the call is on the disk. TRANSIENT, "disk": what was not, may never be, and this
 * is said once only; what is appended from now on goes into another segment. */
bool spool_sync(struct spool *spool, struct error *error);

/* Add records to the parcel, beginning with the first whose ordinal is at least `from`, until it is full or there are
 * no more. Their shards are 0: whoever sends them knows how many there are. A damaged record ends its segment, and a
 * segment that somebody removed is passed over: then ordinals are missing. TRANSIENT, "disk"; but what the disk has not
 * given back for as long as one's patience, in one's own spool, counts as damaged: it is not to hold up the rest for
 * ever. */
bool spool_read(struct spool *spool, uint64_t from, struct parcel *parcel, struct error *error);

/* Redis has everything up to this ordinal. It may go back: Redis has lost something. */
void spool_note_sent(struct spool *spool, uint64_t ordinal);

/* Nothing up to this ordinal is needed any more: segments without anything else are removed. In a spool that keeps, a
 * small one that is being appended to stays until spool_close; what the disk does not let go is tried again next
 * time. */
void spool_release(struct spool *spool, uint64_t ordinal);

struct spool_look {
    uint64_t first; /* the ordinals there are, perhaps with gaps; 0, 0: none. Of an adopted spool they, and `events`, */
    uint64_t last;  /* are known only as far as it was read */
    uint64_t events;
    uint64_t bytes;
    uint64_t bytes_max;   /* as in the options */
    uint64_t unprotected; /* events given up at the cap, which Redis had and the ledger perhaps not yet */
    uint64_t damaged;     /* segments that are damaged, or that somebody removed */
    bool lost_end;        /* of an adopted spool, as far as it was read: what was appended last is not in it any more */
};

void spool_look(struct spool *spool, struct spool_look *look);

/* Tell the names of all sub-folders there, in order, as far as one's patience goes: `visit` returns false to stop.
 * TRANSIENT, "disk"; a directory that is not there is empty. */
bool spool_list(const char *directory, bool (*visit)(void *self, const char *name), void *self, struct error *error);

#endif
