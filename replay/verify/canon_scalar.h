/* canon_scalar: strings and numbers of a JSON text, in the one spelling that replay/verify/canon.h describes. */
#ifndef TASKLEDGER_REPLAY_VERIFY_CANON_SCALAR_H
#define TASKLEDGER_REPLAY_VERIFY_CANON_SCALAR_H

#include "proto/arena.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CANON_SCALAR_NUMBER_BYTES = 8, CANON_SCALAR_HEAD_BYTES = 1 + CANON_SCALAR_NUMBER_BYTES };

/* A text that is read from its front. */
struct canon_parser {
    struct slice rest;
    struct arena *arena;
    unsigned depth;
};

static inline void canon_scalar_skip(struct canon_parser *parser, size_t size)
{
    parser->rest.data += size;
    parser->rest.size -= size;
}

/* The parser stands before the opening quote, respectively the sign or first digit; afterwards behind the last byte.
 * The canon is in the arena. False when it is no JSON or memory is short. */
bool canon_scalar_string(struct canon_parser *parser, struct slice *canon);
bool canon_scalar_number(struct canon_parser *parser, struct slice *canon);

/* What a string says, of its canon, where quote and size come first. */
static inline struct slice canon_scalar_text(struct slice canon)
{
    return slice_of(canon.data + CANON_SCALAR_HEAD_BYTES, canon.size - CANON_SCALAR_HEAD_BYTES);
}

#endif
