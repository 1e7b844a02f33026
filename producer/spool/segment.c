#include "producer/spool/segment.h"

#include "proto/crc32c.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { NUMBER_DIGITS = 20, RECORDS_PER_WRITE = 128 };

static const char segment_suffix[] = ".segment";
static const char damaged_suffix[] = ".damaged";
static const char any_version[] = "taskledger spool ";
static const char this_version[] = "taskledger spool 1\n";

/* ---- names ------------------------------------------------------------------------------------------------------ */

void segment_name(uint64_t number, char name[SEGMENT_NAME_BYTES])
{
    snprintf(name, SEGMENT_NAME_BYTES, "%020" PRIu64 "%s", number, segment_suffix);
}

void segment_damaged_name(uint64_t number, char name[SEGMENT_NAME_BYTES])
{
    snprintf(name, SEGMENT_NAME_BYTES, "%020" PRIu64 "%s", number, damaged_suffix);
}

uint64_t segment_number(const char *name)
{
    return strtoull(name, NULL, 10);
}

/* Numbers that were cut to 64 bits do not come out as they were. */
static bool is_number_with(const char *name, const char *suffix)
{
    char digits[NUMBER_DIGITS + 1];

    snprintf(digits, sizeof digits, "%020" PRIu64, segment_number(name));
    return segment_number(name) > 0 && strncmp(name, digits, NUMBER_DIGITS) == 0 &&
           strcmp(name + NUMBER_DIGITS, suffix) == 0;
}

bool segment_is_name(const char *name)
{
    return is_number_with(name, segment_suffix);
}

bool segment_is_damaged_name(const char *name)
{
    return is_number_with(name, damaged_suffix);
}

/* ---- the header ------------------------------------------------------------------------------------------------- */

/* What comes before the target. */
static size_t begin_header(const char *stream, bool keeps, char text[SEGMENT_HEADER_BYTES_MAX])
{
    return (size_t)snprintf(text, SEGMENT_HEADER_BYTES_MAX, "%sstream %.*s\nkeeps %d\ntarget ", this_version,
                            STREAM_NAME_BYTES_MAX, stream, keeps ? 1 : 0);
}

size_t segment_header(const struct segment_home *home, bool keeps, char text[SEGMENT_HEADER_BYTES_MAX])
{
    size_t size = begin_header(home->stream, keeps, text);

    return size + (size_t)snprintf(text + size, SEGMENT_HEADER_BYTES_MAX - size, "%.*s\n", SPOOL_TARGET_BYTES_MAX,
                                   home->target);
}

static bool begins_with(struct slice text, const char *beginning)
{
    size_t size = strlen(beginning);

    return text.size >= size && memcmp(text.data, beginning, size) == 0;
}

static bool is_of_stream(struct slice header, const char *stream, bool keeps)
{
    char text[SEGMENT_HEADER_BYTES_MAX];

    begin_header(stream, keeps, text);
    return begins_with(header, text);
}

static bool is_header(struct slice header, const struct segment_home *home, bool keeps)
{
    char text[SEGMENT_HEADER_BYTES_MAX];

    return slice_equal(header, slice_of(text, segment_header(home, keeps, text)));
}

enum segment_kind segment_kind(struct slice header, const struct segment_home *home)
{
    if (is_header(header, home, false))
        return SEGMENT_OURS;
    if (is_header(header, home, true))
        return SEGMENT_OURS_KEPT;
    if (is_of_stream(header, home->stream, false) || is_of_stream(header, home->stream, true))
        return SEGMENT_OTHER_TARGET;
    if (begins_with(header, this_version))
        return SEGMENT_OTHER_STREAM;
    return begins_with(header, any_version) ? SEGMENT_OTHER_VERSION : SEGMENT_NO_HEADER;
}

struct slice segment_target(struct slice header)
{
    static const char label[] = "\ntarget ";
    const size_t size = strlen(label);

    /* The last line: a stream may be called anything. */
    for (size_t at = header.size; header.size > 0 && at-- > 0;)
        if (header.size - at > size && memcmp(header.data + at, label, size) == 0)
            return slice_of(header.data + at + size, header.size - at - size - 1);
    return slice_of(NULL, 0);
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static void put_u32(uint8_t bytes[4], uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_u32(const uint8_t bytes[4])
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++)
        value |= (uint32_t)bytes[i] << 8 * i;
    return value;
}

void segment_write_head(struct slice payload, uint8_t head[SEGMENT_HEAD_BYTES])
{
    put_u32(head, (uint32_t)payload.size);
    put_u32(head + 4, crc32c(payload));
}

void segment_read_head(const uint8_t head[SEGMENT_HEAD_BYTES], uint32_t *size, uint32_t *crc)
{
    *size = get_u32(head);
    *crc = get_u32(head + 4);
}

uint64_t segment_bytes(const struct spool_record *records, size_t count)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += SEGMENT_HEAD_BYTES + records[i].payload.size;
    return bytes;
}

/* Beyond the limit of `ulimit -f` a write does not merely fail: it raises SIGXFSZ. */
static bool may_grow_to(uint64_t bytes)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur) {
        errno = EFBIG;
        return false;
    }
    return true;
}

/* Forget the first bytes of the parts, which are written. */
static void advance(struct iovec **parts, int *count, size_t written)
{
    while (*count > 0 && written >= (*parts)->iov_len) {
        written -= (*parts)->iov_len;
        (*parts)++;
        (*count)--;
    }
    if (*count > 0) {
        (*parts)->iov_base = (uint8_t *)(*parts)->iov_base + written;
        (*parts)->iov_len -= written;
    }
}

static bool write_parts(int file, uint64_t offset, struct iovec *parts, int count)
{
    while (count > 0) {
        ssize_t written = pwritev(file, parts, count, (off_t)offset);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            errno = written == 0 ? ENOSPC : errno;
            return false;
        }
        offset += (uint64_t)written;
        advance(&parts, &count, (size_t)written);
    }
    return true;
}

static bool write_some(int file, uint64_t offset, const struct spool_record *records, size_t count)
{
    uint8_t heads[RECORDS_PER_WRITE][SEGMENT_HEAD_BYTES];
    struct iovec parts[2 * RECORDS_PER_WRITE];

    for (size_t i = 0; i < count; i++) {
        struct slice payload = records[i].payload;

        segment_write_head(payload, heads[i]);
        parts[2 * i] = (struct iovec){.iov_base = heads[i], .iov_len = SEGMENT_HEAD_BYTES};
        parts[2 * i + 1] = (struct iovec){.iov_base = (void *)(uintptr_t)payload.data, .iov_len = payload.size};
    }
    return write_parts(file, offset, parts, (int)(2 * count));
}

bool segment_write(int file, uint64_t offset, const struct spool_record *records, size_t count)
{
    if (!may_grow_to(offset + segment_bytes(records, count)))
        return false;

    while (count > 0) {
        size_t some = count < RECORDS_PER_WRITE ? count : RECORDS_PER_WRITE;

        if (!write_some(file, offset, records, some))
            return false;
        offset += segment_bytes(records, some);
        records += some;
        count -= some;
    }
    return true;
}
