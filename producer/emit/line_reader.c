#include "producer/emit/line_reader.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool line_reader_init(struct line_reader *reader, int fd, int stop_fd, struct error *error)
{
    /* One byte more than is ever read: the NUL of a last line without a line feed. */
    char *buffer = malloc(LINE_READER_BUFFER_BYTES + 1);

    if (buffer == NULL)
        return error_set(error, ERROR_FATAL, "memory", "could not get memory for lines");
    *reader = (struct line_reader){.fd = fd, .stop_fd = stop_fd, .buffer = buffer};
    return true;
}

void line_reader_close(struct line_reader *reader)
{
    free(reader->buffer);
    reader->buffer = NULL;
}

/* ---- filling the buffer ------------------------------------------------------------------------------------------ */

/* Until there is something to read; LINE_READER_LINE stands for that. */
static enum line_reader_result wait_for_input(const struct line_reader *reader, struct error *error)
{
    struct pollfd polled[] = {
        {.fd = reader->fd, .events = POLLIN},
        {.fd = reader->stop_fd, .events = POLLIN},
    };
    int ready;

    while ((ready = poll(polled, 2, LINE_READER_IDLE_MS)) < 0) {
        if (errno != EINTR) {
            error_set_errno(error, ERROR_FATAL, "read", "could not wait for input");
            return LINE_READER_FAILED;
        }
    }
    if (ready == 0)
        return LINE_READER_IDLE;
    return polled[1].revents != 0 ? LINE_READER_STOPPED : LINE_READER_LINE;
}

static void make_room(struct line_reader *reader)
{
    size_t held = reader->end - reader->start;

    if (reader->start == 0)
        return;
    memmove(reader->buffer, reader->buffer + reader->start, held);
    reader->searched -= reader->start;
    reader->start = 0;
    reader->end = held;
}

/* More bytes behind `end`; LINE_READER_LINE stands for that. */
static enum line_reader_result fill(struct line_reader *reader, struct error *error)
{
    make_room(reader);
    for (;;) {
        enum line_reader_result waited = wait_for_input(reader, error);
        if (waited != LINE_READER_LINE)
            return waited;

        ssize_t got = read(reader->fd, reader->buffer + reader->end, LINE_READER_BUFFER_BYTES - reader->end);
        if (got == 0)
            return LINE_READER_END;
        if (got > 0) {
            reader->end += (size_t)got;
            return LINE_READER_LINE;
        }
        if (errno != EINTR && errno != EAGAIN) {
            error_set_errno(error, ERROR_FATAL, "read", "could not read input");
            return LINE_READER_FAILED;
        }
    }
}

/* ---- finding lines ----------------------------------------------------------------------------------------------- */

/* Where the line feed is, or NULL when there is none yet. */
static char *find_feed(struct line_reader *reader)
{
    char *feed = memchr(reader->buffer + reader->searched, '\n', reader->end - reader->searched);

    reader->searched = feed == NULL ? reader->end : (size_t)(feed - reader->buffer) + 1;
    return feed;
}

/* What is held ends at `end`; whether that was a line, or only the rest of one that was too long. */
static bool hand_out(struct line_reader *reader, char *end, char **line, size_t *size)
{
    bool rest = reader->skipping;

    *line = reader->buffer + reader->start;
    *size = (size_t)(end - *line);
    *end = '\0';
    reader->start = reader->searched;
    reader->skipping = false;
    if (rest)
        return false;
    reader->number++;
    return true;
}

static bool holds_too_much(const struct line_reader *reader)
{
    return reader->end - reader->start > LINE_READER_BYTES_MAX;
}

/* Drop what is held of a line that has no end yet. */
static void pass_over(struct line_reader *reader)
{
    reader->start = reader->searched = reader->end;
}

enum line_reader_result line_reader_next(struct line_reader *reader, char **line, size_t *size, struct error *error)
{
    for (;;) {
        char *feed = find_feed(reader);

        if (feed != NULL) {
            if (!hand_out(reader, feed, line, size))
                continue;
            return *size > LINE_READER_BYTES_MAX ? LINE_READER_TOO_LONG : LINE_READER_LINE;
        }
        if (reader->skipping) {
            pass_over(reader);
        } else if (holds_too_much(reader)) {
            pass_over(reader);
            reader->skipping = true;
            reader->number++;
            return LINE_READER_TOO_LONG;
        }

        enum line_reader_result filled = fill(reader, error);
        if (filled == LINE_READER_END && reader->end > reader->start &&
            hand_out(reader, reader->buffer + reader->end, line, size))
            return LINE_READER_LINE;
        if (filled != LINE_READER_LINE)
            return filled;
    }
}
