/* segment_reader: the records of one segment, one after the other.
 *
 * It believes nothing that it reads, holds one buffer, whatever a file says, and never reads beyond the end that it was
 * given: behind it somebody may be writing. */
#ifndef TASKLEDGER_PRODUCER_SPOOL_SEGMENT_READER_H
#define TASKLEDGER_PRODUCER_SPOOL_SEGMENT_READER_H

#include "proto/slice.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct segment_reader {
    atomic_int file; /* owned; -1: none is open */
    uint8_t *buffer; /* owned */
    size_t held;     /* bytes in it */
    uint64_t at;     /* where in the file they lie */
    uint64_t next;   /* where the next record begins */
    uint64_t end;    /* where the last one ends; may be moved on */
};

/* False when memory is short. */
bool segment_reader_init(struct segment_reader *reader);
void segment_reader_close(struct segment_reader *reader);

/* From the beginning of a file, which it takes, to `end`. Closes the one before. */
void segment_reader_open(struct segment_reader *reader, int file, uint64_t end);
bool segment_reader_is_open(const struct segment_reader *reader);

/* Let go of the file. */
void segment_reader_end(struct segment_reader *reader);

enum segment_found {
    SEGMENT_RECORD,
    SEGMENT_END,
    SEGMENT_TORN,
    SEGMENT_DAMAGED,
    SEGMENT_NOT_NOW, /* the disk does not give it, try after try; errno says why. No proof of anything */
};

/* The next record. The payload is valid until the next call. Whatever is found but a record is found again and
 * again; what could not be read is read again. */
enum segment_found segment_reader_next(struct segment_reader *reader, struct slice *payload);

#endif
