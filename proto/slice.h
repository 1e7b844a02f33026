/* slice: bytes that belong to somebody else.
 *
 * A slice never owns and is never terminated. An empty one may have a NULL pointer. Whoever hands one out says how long
 * it stays valid. */
#ifndef TASKLEDGER_PROTO_SLICE_H
#define TASKLEDGER_PROTO_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data;
    size_t size;
};

static inline struct slice slice_of(const void *data, size_t size)
{
    return (struct slice){.data = data, .size = size};
}

/* NULL gives the empty slice. */
static inline struct slice slice_from_text(const char *text)
{
    return slice_of(text, text == NULL ? 0 : strlen(text));
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Bytewise, a prefix before what it begins: the order of PostgreSQL's COLLATE "C". */
static inline int slice_compare(struct slice a, struct slice b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);

    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

/* For printf: ("%.*s", SLICE_PRINT(slice)). */
#define SLICE_PRINT(slice) (int)(slice).size, (slice).data == NULL ? "" : (const char *)(slice).data

#endif
