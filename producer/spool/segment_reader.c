#include "producer/spool/segment_reader.h"

#include "producer/spool/segment.h"
#include "proto/crc32c.h"
#include "proto/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { BUFFER_BYTES = 2 * (SEGMENT_HEAD_BYTES + EVENT_BYTES_MAX), TRIES_MAX = 3 };

bool segment_reader_init(struct segment_reader *reader)
{
    *reader = (struct segment_reader){.file = -1, .buffer = malloc(BUFFER_BYTES)};
    return reader->buffer != NULL;
}

void segment_reader_close(struct segment_reader *reader)
{
    segment_reader_end(reader);
    free(reader->buffer);
    reader->buffer = NULL;
}

void segment_reader_open(struct segment_reader *reader, int file, uint64_t end)
{
    segment_reader_end(reader);
    atomic_store(&reader->file, file);
    reader->held = 0;
    reader->at = 0;
    reader->next = 0;
    reader->end = end;
}

bool segment_reader_is_open(const struct segment_reader *reader)
{
    return atomic_load(&reader->file) >= 0;
}

void segment_reader_end(struct segment_reader *reader)
{
    int file = atomic_exchange(&reader->file, -1);

    if (file >= 0)
        close(file);
}

/* ---- the buffer ------------------------------------------------------------------------------------------------- */

static size_t held_from_next(const struct segment_reader *reader)
{
    return reader->held - (size_t)(reader->next - reader->at);
}

static void move_to_front(struct segment_reader *reader)
{
    size_t left = held_from_next(reader);

    memmove(reader->buffer, reader->buffer + reader->held - left, left);
    reader->held = left;
    reader->at = reader->next;
}

/* -1: the disk does not give it; 0: the file ends here. */
static ssize_t read_more(struct segment_reader *reader)
{
    uint64_t at = reader->at + reader->held;
    size_t room = BUFFER_BYTES - reader->held;
    size_t wanted = reader->end - at < room ? (size_t)(reader->end - at) : room;
    ssize_t got = -1;

    for (int tries = 0; got < 0 && tries < TRIES_MAX; tries++)
        got = pread(reader->file, reader->buffer + reader->held, wanted, (off_t)at);
    if (got > 0)
        reader->held += (size_t)got;
    return got;
}

/* So many bytes from `next` on. They fit into the buffer. */
static enum segment_found hold(struct segment_reader *reader, size_t bytes)
{
    if (reader->end - reader->next < bytes)
        return SEGMENT_TORN;
    if (held_from_next(reader) < bytes)
        move_to_front(reader);

    while (held_from_next(reader) < bytes) {
        ssize_t got = read_more(reader);

        if (got <= 0)
            return got == 0 ? SEGMENT_TORN : SEGMENT_NOT_NOW;
    }
    return SEGMENT_RECORD;
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static const uint8_t *present(const struct segment_reader *reader)
{
    return reader->buffer + (reader->next - reader->at);
}

enum segment_found segment_reader_next(struct segment_reader *reader, struct slice *payload)
{
    enum segment_found found;
    uint32_t size, crc;

    if (reader->next >= reader->end)
        return SEGMENT_END;
    if ((found = hold(reader, SEGMENT_HEAD_BYTES)) != SEGMENT_RECORD)
        return found;

    segment_read_head(present(reader), &size, &crc);
    if (size == 0 || size > EVENT_BYTES_MAX)
        return SEGMENT_DAMAGED;
    if ((found = hold(reader, SEGMENT_HEAD_BYTES + size)) != SEGMENT_RECORD)
        return found;

    struct slice bytes = slice_of(present(reader) + SEGMENT_HEAD_BYTES, size);
    if (crc32c(bytes) != crc)
        return SEGMENT_DAMAGED;
    reader->next += SEGMENT_HEAD_BYTES + size;
    *payload = bytes;
    return SEGMENT_RECORD;
}
