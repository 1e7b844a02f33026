/* bookmark: where the next page of a list begins, as a text that means something to us alone: the "cursor" of an answer.
 *
 * Lower-case hexadecimal digits of
 *
 *   version    1 byte: 1
 *   list       1 byte: a letter of the list, and so what its keys are
 *   each key   1 byte its size, then its bytes, as PostgreSQL has them
 *   checksum   4 bytes: CRC-32C of all before, most significant first
 *
 * There is one way to write a place, and no other is read. The checksum is against accidents; who makes such a text on
 * purpose asks for rows behind some key, which anybody may: a key that is read is one that PostgreSQL takes. Pure. */
#ifndef TASKLEDGER_REPLAY_WEB_BOOKMARK_H
#define TASKLEDGER_REPLAY_WEB_BOOKMARK_H

#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BOOKMARK_KEYS_MAX = 4,
    BOOKMARK_KEY_BYTES_MAX = 255,
    BOOKMARK_BYTES_MAX = 2 + BOOKMARK_KEYS_MAX * (1 + 8) + BOOKMARK_KEY_BYTES_MAX + 4,
    BOOKMARK_TEXT_BYTES_MAX = 2 * BOOKMARK_BYTES_MAX,
};

enum bookmark_type {
    BOOKMARK_TEXT,    /* of any size, in UTF-8 */
    BOOKMARK_UUID,    /* 16 bytes */
    BOOKMARK_TIME,    /* a timestamptz: 8 bytes */
    BOOKMARK_INTEGER, /* 4 bytes, from `least` to `most` */
    BOOKMARK_BIGINT,  /* 8 bytes, the same */
};

struct bookmark_part {
    enum bookmark_type type;
    int64_t least; /* of INTEGER and BIGINT */
    int64_t most;
};

/* What a place in a list is made of. All keys together must not be longer than what BOOKMARK_BYTES_MAX allows. */
struct bookmark_shape {
    char list;
    uint8_t count; /* of the keys */
    struct bookmark_part parts[BOOKMARK_KEYS_MAX];
};

struct bookmark_key {
    uint8_t bytes[BOOKMARK_KEY_BYTES_MAX];
    size_t size;
};

struct bookmark {
    struct bookmark_key keys[BOOKMARK_KEYS_MAX];
};

/* A text that is longer than a key may be is cut at a character. */
void bookmark_set(struct bookmark *bookmark, size_t index, struct slice key);

static inline struct slice bookmark_key(const struct bookmark *bookmark, size_t index)
{
    return slice_of(bookmark->keys[index].bytes, bookmark->keys[index].size);
}

/* Without a NUL; its size. */
size_t bookmark_write(const struct bookmark *bookmark, const struct bookmark_shape *shape,
                      char text[BOOKMARK_TEXT_BYTES_MAX]);

/* REJECTED, "bad_request": it is none of this list. */
bool bookmark_read(struct slice text, const struct bookmark_shape *shape, struct bookmark *bookmark,
                   struct error *error);

#endif
