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
 * purpose asks for rows behind some key, which anybody may. Pure. */
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
    BOOKMARK_TEXT = 0, /* as a size in a shape */
};

/* What a place in a list is made of. All keys together must not be longer than what BOOKMARK_BYTES_MAX allows. */
struct bookmark_shape {
    char list;
    uint8_t count;                    /* of the keys */
    uint8_t sizes[BOOKMARK_KEYS_MAX]; /* of each; BOOKMARK_TEXT: a text, of any size, in UTF-8 */
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
