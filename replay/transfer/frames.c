#include "replay/transfer/frames.h"

#include "replay/transfer/record_json.h"
#include "replay/transfer/record_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_BYTES = 256 * 1024, TEXT_BYTES = 256, SIZE_BYTES_MAX = 10 };

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_FATAL, "memory", "cannot get memory for a record");
}

static int open_file(const char *path, struct error *error)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);

    if (descriptor < 0)
        error_set_errno(error, ERROR_FATAL, "usage", "cannot read \"%s\"", path);
    return descriptor;
}

bool frames_open(struct frames *frames, const char *path, enum archive_encoding encoding, struct error *error)
{
    *frames = (struct frames){.path = path, .encoding = encoding, .descriptor = -1, .digester = digester_new()};
    frames->buffer = malloc(BUFFER_BYTES);
    frames->capacity = BUFFER_BYTES;
    if (frames->buffer == NULL || frames->digester == NULL)
        return no_memory(error);
    digester_begin(frames->digester);
    frames->descriptor = open_file(path, error);
    return frames->descriptor >= 0;
}

void frames_close(struct frames *frames)
{
    if (frames->descriptor >= 0)
        close(frames->descriptor);
    digester_free(frames->digester);
    free(frames->buffer);
    *frames = (struct frames){.descriptor = -1};
}

bool frames_blame(const struct frames *frames, struct error *error, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_FATAL, "archive", "\"%s\", record %" PRIu64 " at byte %" PRIu64 ": %s", frames->path,
                     frames->number, frames->offset, text);
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

/* A signal may come in between; the kernel says how much there is. */
static ssize_t read_some(int descriptor, uint8_t *to, size_t size)
{
    ssize_t got;

    do
        got = read(descriptor, to, size);
    while (got < 0 && errno == EINTR);
    return got;
}

static bool make_room(struct frames *frames, struct error *error)
{
    if (frames->begin > 0) {
        memmove(frames->buffer, frames->buffer + frames->begin, frames->end - frames->begin);
        frames->end -= frames->begin;
        frames->begin = 0;
    }
    if (frames->end < frames->capacity)
        return true;
    if (frames->capacity >= 2 * (size_t)RECORD_BYTES_MAX)
        return frames_blame(frames, error, "it is longer than %d bytes", RECORD_BYTES_MAX);

    size_t capacity = 2 * frames->capacity + BUFFER_BYTES;
    uint8_t *buffer = realloc(frames->buffer, capacity);
    if (buffer == NULL)
        return no_memory(error);
    frames->buffer = buffer;
    frames->capacity = capacity;
    return true;
}

static bool read_more(struct frames *frames, struct error *error)
{
    if (!make_room(frames, error))
        return false;
    ssize_t got = read_some(frames->descriptor, frames->buffer + frames->end, frames->capacity - frames->end);
    if (got < 0)
        return error_set_errno(error, ERROR_FATAL, "archive", "cannot read \"%s\"", frames->path);
    frames->end += (size_t)got;
    frames->is_at_end = got == 0;
    return true;
}

static struct slice unread(const struct frames *frames)
{
    return slice_of(frames->buffer + frames->begin, frames->end - frames->begin);
}

/* ---- where a record ends ---------------------------------------------------------------------------------------- */

/* All of it, with its frame, and where the content is in it. `whole` is 0 while more is needed. */
struct frame {
    size_t whole;
    size_t head;
    size_t content;
};

static void find_line(struct slice bytes, size_t *searched, struct frame *frame)
{
    const uint8_t *end = bytes.size == *searched ? NULL : memchr(bytes.data + *searched, '\n', bytes.size - *searched);

    *searched = bytes.size;
    if (end != NULL)
        *frame = (struct frame){.whole = (size_t)(end - bytes.data) + 1, .content = (size_t)(end - bytes.data)};
}

static bool find_message(const struct frames *frames, struct slice bytes, struct frame *frame, struct error *error)
{
    uint64_t size = 0;
    size_t head = record_wire_size(bytes, &size);

    if (head > SIZE_BYTES_MAX || size > RECORD_BYTES_MAX)
        return frames_blame(frames, error, "it cannot be a record: its size is not");
    if (head > 0 && bytes.size - head >= size)
        *frame = (struct frame){.whole = head + (size_t)size, .head = head, .content = (size_t)size};
    return true;
}

static bool find_frame(struct frames *frames, struct frame *frame, struct error *error)
{
    size_t searched = 0;

    *frame = (struct frame){.whole = 0};
    for (;;) {
        if (frames->encoding == ARCHIVE_JSONL)
            find_line(unread(frames), &searched, frame);
        else if (!find_message(frames, unread(frames), frame, error))
            return false;
        if (frame->whole > 0)
            return true;
        if (frames->is_at_end)
            return frames_blame(frames, error, "the file ends %s; it is not whole",
                                frames->begin == frames->end ? "without its last record" : "amid a record");
        if (!read_more(frames, error))
            return false;
    }
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static bool check_end(struct frames *frames, const struct record *record, struct error *error)
{
    const struct digest digest = digester_so_far(frames->digester);

    if (record_integer(record, END_RECORDS) != (int64_t)archive_records(frames->counts) ||
        record_integer(record, END_EVENTS) != (int64_t)frames->counts[RECORD_EVENT])
        return frames_blame(frames, error, "it tells of other numbers of records than came");
    if (!slice_equal(record->values[END_DIGEST], digest_slice(&digest)))
        return frames_blame(frames, error, "the bytes before are not those that were written");
    return true;
}

static bool check_nothing_behind(struct frames *frames, struct error *error)
{
    while (frames->begin == frames->end && !frames->is_at_end)
        if (!read_more(frames, error))
            return false;
    return frames->begin == frames->end || frames_blame(frames, error, "something comes behind the last one");
}

static bool decode(struct frames *frames, struct slice content, struct arena *arena, struct record *record,
                   struct error *error)
{
    struct slice copy = arena_copy(arena, content);
    struct error why = {.kind = ERROR_NONE};

    if (copy.data == NULL && copy.size > 0)
        return no_memory(error);
    bool good = frames->encoding == ARCHIVE_JSONL ? record_json_read(copy, arena, record, &why)
                                                  : record_wire_read(copy, arena, record, &why);
    return good || frames_blame(frames, error, "%s", why.text);
}

/* Takes it out of the buffer. */
static void pass(struct frames *frames, const struct frame *frame)
{
    digester_add(frames->digester, slice_of(frames->buffer + frames->begin, frame->whole));
    frames->begin += frame->whole;
    frames->offset += frame->whole;
}

static bool next(struct frames *frames, struct arena *arena, struct record *record, struct error *error)
{
    struct frame frame;

    frames->number++;
    if (!find_frame(frames, &frame, error) ||
        !decode(frames, slice_of(frames->buffer + frames->begin + frame.head, frame.content), arena, record, error))
        return false;
    if ((frames->number == 1) != (record->kind == RECORD_BEGIN))
        return frames_blame(frames, error, "%s",
                            frames->number == 1 ? "it is no export" : "an export begins amid another");
    if (record->kind != RECORD_END) {
        frames->counts[record->kind]++;
        pass(frames, &frame);
        return true;
    }
    if (!check_end(frames, record, error))
        return false;
    pass(frames, &frame);
    frames->is_over = true;
    return check_nothing_behind(frames, error);
}

static bool check_begin(const struct frames *frames, const struct record *record, struct error *error)
{
    if (!slice_equal(record->values[BEGIN_FORMAT], slice_from_text(RECORD_FORMAT)))
        return frames_blame(frames, error, "it is no export");
    if (record_integer(record, BEGIN_VERSION) != RECORD_VERSION)
        return frames_blame(frames, error, "it is of another version than this program");
    return true;
}

bool frames_next(struct frames *frames, struct arena *arena, struct record *record, struct error *error)
{
    do {
        if (!next(frames, arena, record, error))
            return false;
    } while (record->kind == 0);
    return record->kind != RECORD_BEGIN || check_begin(frames, record, error);
}

/* ---- the whole file --------------------------------------------------------------------------------------------- */

static bool hash_file(int descriptor, struct digester *digester, uint64_t *bytes)
{
    uint8_t *buffer = malloc(BUFFER_BYTES);
    ssize_t got = -1;

    *bytes = 0;
    digester_begin(digester);
    while (buffer != NULL && (got = read_some(descriptor, buffer, BUFFER_BYTES)) > 0) {
        digester_add(digester, slice_of(buffer, (size_t)got));
        *bytes += (uint64_t)got;
    }
    free(buffer);
    return got == 0;
}

bool frames_digest(const char *path, struct digest *digest, uint64_t *bytes, struct error *error)
{
    struct digester *digester = digester_new();
    int descriptor = digester == NULL ? -1 : open_file(path, error);
    bool good = digester != NULL || no_memory(error);

    good = good && descriptor >= 0;
    if (good && !hash_file(descriptor, digester, bytes))
        good = error_set_errno(error, ERROR_FATAL, "archive", "cannot read \"%s\"", path);
    if (good)
        *digest = digester_so_far(digester);
    if (descriptor >= 0)
        close(descriptor);
    digester_free(digester);
    return good;
}

bool frames_guess(const char *path, enum archive_encoding *encoding, struct error *error)
{
    int descriptor = open_file(path, error);
    uint8_t first = 0;

    if (descriptor < 0)
        return false;
    bool good = read_some(descriptor, &first, 1) == 1 ||
                error_set(error, ERROR_FATAL, "archive", "\"%s\" is empty or cannot be read", path);
    close(descriptor);
    if (good)
        *encoding = first == '{' ? ARCHIVE_JSONL : ARCHIVE_PROTOBUF;
    return good;
}
