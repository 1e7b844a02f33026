/* segment: one file of a spool.
 *
 *   00000000000000004711.segment      named by the first ordinal in it, in 20 digits
 *
 * It is a row of records, and nothing else:
 *
 *   | bytes of the payload, u32 | CRC-32C of the payload, u32 | payload |    little-endian; 1 to EVENT_BYTES_MAX bytes
 *
 * The first record of every segment, of every version, is its header, a text; those of others are the exact bytes of
 * an event each, with consecutive ordinals:
 *
 *   taskledger spool 1\n      the version
 *   stream NAME\n             where they belong
 *   keeps 0\n                 1: wanted until the ledger has them; 0: until Redis has
 *   target TEXT\n             the Redis in which that stream is, in words that are only compared; no control characters
 *
 * Whatever else follows is one of two things. TORN: the file ends within a record, as a process or machine leaves it
 * that dies in a write. DAMAGED: a length that cannot be, or a checksum that does not match; a disk that does not give
 * back what it has proves nothing, and is asked again. Records before it are
 * sound either way; none behind it is ever read, since nothing tells where it would begin. */
#ifndef TASKLEDGER_PRODUCER_SPOOL_SEGMENT_H
#define TASKLEDGER_PRODUCER_SPOOL_SEGMENT_H

#include "producer/spool/spool.h"
#include "proto/slice.h"
#include "proto/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SEGMENT_HEAD_BYTES = 8, /* of a record */
    SEGMENT_NAME_BYTES = 29,
    SEGMENT_HEADER_BYTES_MAX = STREAM_NAME_BYTES_MAX + SPOOL_TARGET_BYTES_MAX + 64,
};

/* What is known of one. */
struct segment {
    uint64_t number; /* in its file's name */
    uint64_t first;  /* ordinals; 0, 0: adopted and not looked into yet */
    uint64_t last;
    uint64_t bytes; /* whole records end here; not looked into: the file's size */
    bool unsynced;
    bool ended;   /* nothing more may be appended */
    bool damaged; /* to be set aside, not removed */
};

static inline uint64_t segment_events(const struct segment *segment)
{
    return segment->first == 0 ? 0 : segment->last - segment->first + 1;
}

/* ---- names: a segment, and one that was set aside --------------------------------------------------------------- */

void segment_name(uint64_t number, char name[SEGMENT_NAME_BYTES]);
void segment_damaged_name(uint64_t number, char name[SEGMENT_NAME_BYTES]);

bool segment_is_name(const char *name);
bool segment_is_damaged_name(const char *name);

/* Of a name that is one. */
uint64_t segment_number(const char *name);

/* ---- the header ------------------------------------------------------------------------------------------------- */

/* Where events belong; borrowed. */
struct segment_home {
    const char *stream; /* at most STREAM_NAME_BYTES_MAX long, */
    const char *target; /* and SPOOL_TARGET_BYTES_MAX */
};

static inline struct segment_home segment_home_of(const struct spool_options *options)
{
    return (struct segment_home){options->stream, options->target == NULL ? "" : options->target};
}

/* The text, with a NUL behind it. Returns its bytes. */
size_t segment_header(const struct segment_home *home, bool keeps, char text[SEGMENT_HEADER_BYTES_MAX]);

enum segment_kind {
    SEGMENT_OURS,
    SEGMENT_OURS_KEPT,
    SEGMENT_OTHER_TARGET, /* of our stream's name */
    SEGMENT_OTHER_STREAM,
    SEGMENT_OTHER_VERSION,
    SEGMENT_NO_HEADER,
};

enum segment_kind segment_kind(struct slice header, const struct segment_home *home);

/* Of a header of this version, the target; empty: there is none. */
struct slice segment_target(struct slice header);

/* ---- records ---------------------------------------------------------------------------------------------------- */

/* The head of a record with this payload, and what the head says; the length is not checked. */
void segment_write_head(struct slice payload, uint8_t head[SEGMENT_HEAD_BYTES]);
void segment_read_head(const uint8_t head[SEGMENT_HEAD_BYTES], uint32_t *size, uint32_t *crc);

/* What the records take in a segment. */
uint64_t segment_bytes(const struct spool_record *records, size_t count);

/* Write them at this place of the file, however many writes it takes. False, with errno, when the disk refuses: part of
 * them may be there. */
bool segment_write(int file, uint64_t offset, const struct spool_record *records, size_t count);

#endif
