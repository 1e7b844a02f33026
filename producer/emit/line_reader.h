/* line_reader: lines of a file descriptor, in a buffer of fixed size.
 *
 * A line that is longer than LINE_READER_BYTES_MAX is told of and passed over without being held. A last line without a
 * line feed is a line. Waiting ends as soon as `stop_fd` is readable, and pauses every second for whoever wants to look
 * at something else. */
#ifndef TASKLEDGER_PRODUCER_EMIT_LINE_READER_H
#define TASKLEDGER_PRODUCER_EMIT_LINE_READER_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LINE_READER_BYTES_MAX = 256 * 1024,
    LINE_READER_IDLE_MS = 1000,
    LINE_READER_BUFFER_BYTES = LINE_READER_BYTES_MAX + 64 * 1024,
};

struct line_reader {
    int fd;          /* borrowed */
    int stop_fd;     /* borrowed; negative: none */
    char *buffer;    /* owned */
    size_t start;    /* what was read and not yet handed out: from here */
    size_t end;      /* to here */
    size_t searched; /* up to here it has no line feed */
    bool skipping;   /* the rest of a line that was too long */
    uint64_t number; /* of the line handed out last, from 1 */
};

enum line_reader_result {
    LINE_READER_LINE,
    LINE_READER_TOO_LONG, /* the line `number`; nothing of it is kept */
    LINE_READER_IDLE,     /* nothing to read for LINE_READER_IDLE_MS */
    LINE_READER_END,
    LINE_READER_STOPPED, /* `stop_fd` became readable */
    LINE_READER_FAILED,  /* FATAL, "read" */
};

/* FATAL, "memory". */
bool line_reader_init(struct line_reader *reader, int fd, int stop_fd, struct error *error);

/* `*line` has `*size` bytes and a NUL in the place of its line feed; writable, and valid until the next call. */
enum line_reader_result line_reader_next(struct line_reader *reader, char **line, size_t *size, struct error *error);

void line_reader_close(struct line_reader *reader);

#endif
