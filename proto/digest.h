/* digest: the link between a producer's events.
 *
 * Each event carries the SHA-256 of the exact bytes of the producer's previous accepted event; the first carries none.
 * The chain over one producer_id therefore breaks at the place where an event was changed, removed or inserted, and
 * holds across a number that was dropped before it was accepted. proto/digester.h does the hashing. */
#ifndef TASKLEDGER_PROTO_DIGEST_H
#define TASKLEDGER_PROTO_DIGEST_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX_BYTES = 2 * DIGEST_BYTES + 1 };

struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

/* Lower case hexadecimal with a NUL. */
void digest_format(const struct digest *digest, char text[DIGEST_HEX_BYTES]);

/* Reads what digest_format writes, nothing looser; false (and *digest untouched) when it is not that. */
bool digest_parse(struct slice text, struct digest *digest);

static inline struct slice digest_slice(const struct digest *digest)
{
    return slice_of(digest->bytes, DIGEST_BYTES);
}

static inline bool digest_equal(const struct digest *a, const struct digest *b)
{
    return slice_equal(digest_slice(a), digest_slice(b));
}

#endif
