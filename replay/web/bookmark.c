#include "replay/web/bookmark.h"

#include "proto/crc32c.h"
#include "proto/utf8.h"
#include "proto/uuid.h"

#include <assert.h>
#include <string.h>

enum { VERSION = 1, HEAD_BYTES = 2, CHECKSUM_BYTES = 4, NOT_A_DIGIT = 16 };

/* What a timestamptz can be besides the two infinities, as PostgreSQL's own MIN_TIMESTAMP and END_TIMESTAMP have it. */
#define TIME_LEAST INT64_C(-211813488000000000)
#define TIME_MOST  (INT64_C(9223371331200000000) - 1)

static const char digits[] = "0123456789abcdef";

void bookmark_set(struct bookmark *bookmark, size_t index, struct slice key)
{
    struct bookmark_key *at = &bookmark->keys[index];

    if (key.size > sizeof at->bytes)
        key = utf8_cut(key, sizeof at->bytes);
    at->size = key.size;
    if (key.size > 0)
        memcpy(at->bytes, key.data, key.size);
}

/* 0: of any size. */
static size_t size_of(enum bookmark_type type)
{
    switch (type) {
    case BOOKMARK_TEXT:
        break;
    case BOOKMARK_UUID:
        return UUID_BYTES;
    case BOOKMARK_TIME:
    case BOOKMARK_BIGINT:
        return sizeof(int64_t);
    case BOOKMARK_INTEGER:
        return sizeof(int32_t);
    }
    return 0;
}

/* ---- written ----------------------------------------------------------------------------------------------------- */

static size_t put_checksum(uint8_t *bytes, size_t size)
{
    uint32_t checksum = crc32c(slice_of(bytes, size));

    for (size_t i = 0; i < CHECKSUM_BYTES; i++)
        bytes[size + i] = (uint8_t)(checksum >> (24 - 8 * i));
    return size + CHECKSUM_BYTES;
}

size_t bookmark_write(const struct bookmark *bookmark, const struct bookmark_shape *shape,
                      char text[BOOKMARK_TEXT_BYTES_MAX])
{
    uint8_t bytes[BOOKMARK_BYTES_MAX] = {VERSION, (uint8_t)shape->list};
    size_t size = HEAD_BYTES;

    for (size_t i = 0; i < shape->count; i++) {
        const struct bookmark_key *key = &bookmark->keys[i];
        assert(shape->parts[i].type == BOOKMARK_TEXT || size_of(shape->parts[i].type) == key->size);
        assert(size + 1 + key->size + CHECKSUM_BYTES <= sizeof bytes);
        bytes[size++] = (uint8_t)key->size;
        memcpy(bytes + size, key->bytes, key->size);
        size += key->size;
    }
    size = put_checksum(bytes, size);
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 0xf];
    }
    return 2 * size;
}

/* ---- read -------------------------------------------------------------------------------------------------------- */

static unsigned digit(uint8_t letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10U : NOT_A_DIGIT;
}

static bool is_checked(const uint8_t *bytes, size_t size)
{
    uint8_t checked[BOOKMARK_BYTES_MAX];

    memcpy(checked, bytes, size - CHECKSUM_BYTES);
    put_checksum(checked, size - CHECKSUM_BYTES);
    return memcmp(checked, bytes, size) == 0;
}

/* The bytes without the checksum. False: no digits, or the wrong checksum. */
static bool read_bytes(struct slice text, uint8_t bytes[BOOKMARK_BYTES_MAX], struct slice *read)
{
    size_t size = text.size / 2;

    if (text.size % 2 != 0 || size > BOOKMARK_BYTES_MAX || size < HEAD_BYTES + CHECKSUM_BYTES)
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned high = digit(text.data[2 * i]), low = digit(text.data[2 * i + 1]);
        if (high == NOT_A_DIGIT || low == NOT_A_DIGIT)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    *read = slice_of(bytes, size - CHECKSUM_BYTES);
    return is_checked(bytes, size);
}

/* Most significant byte first. */
static int64_t number_of(struct slice key)
{
    uint64_t number = key.size > 0 && key.data[0] > INT8_MAX ? UINT64_MAX : 0;

    for (size_t i = 0; i < key.size; i++)
        number = number << 8 | key.data[i];
    return (int64_t)number;
}

static bool is_within(struct slice key, int64_t least, int64_t most)
{
    return number_of(key) >= least && number_of(key) <= most;
}

static bool is_time(struct slice key)
{
    return number_of(key) == INT64_MIN || number_of(key) == INT64_MAX || is_within(key, TIME_LEAST, TIME_MOST);
}

static bool is_good(struct slice key, const struct bookmark_part *part)
{
    if (part->type != BOOKMARK_TEXT && key.size != size_of(part->type))
        return false;
    switch (part->type) {
    case BOOKMARK_TEXT:
        return utf8_check(key) == key.size;
    case BOOKMARK_UUID:
        return true;
    case BOOKMARK_TIME:
        return is_time(key);
    case BOOKMARK_INTEGER:
    case BOOKMARK_BIGINT:
        return is_within(key, part->least, part->most);
    }
    return false;
}

static bool read_key(struct slice *rest, const struct bookmark_part *part, struct slice *key)
{
    if (rest->size == 0 || rest->size - 1 < rest->data[0])
        return false;
    *key = slice_of(rest->data + 1, rest->data[0]);
    *rest = slice_of(rest->data + 1 + key->size, rest->size - 1 - key->size);
    return is_good(*key, part);
}

static bool read_keys(struct slice rest, const struct bookmark_shape *shape, struct bookmark *bookmark)
{
    struct slice key;

    *bookmark = (struct bookmark){.keys = {{.size = 0}}};
    for (size_t i = 0; i < shape->count; i++) {
        if (!read_key(&rest, &shape->parts[i], &key))
            return false;
        bookmark_set(bookmark, i, key);
    }
    return rest.size == 0;
}

bool bookmark_read(struct slice text, const struct bookmark_shape *shape, struct bookmark *bookmark,
                   struct error *error)
{
    uint8_t bytes[BOOKMARK_BYTES_MAX];
    struct slice read;

    if (read_bytes(text, bytes, &read) && read.data[0] == VERSION && read.data[1] == (uint8_t)shape->list &&
        read_keys(slice_of(read.data + HEAD_BYTES, read.size - HEAD_BYTES), shape, bookmark))
        return true;
    return error_set(error, ERROR_REJECTED, "bad_request", "cursor: not one that this list gave; begin without one");
}
