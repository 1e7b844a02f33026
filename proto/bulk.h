/* bulk: cuts long strings out of what Redis answers, before the parser sees them.
 *
 * The parser holds a whole string before it hands it on, so one of 512 MB would cost 512 MB. This filter follows RESP2
 * as it arrives, over any borders of chunks, and turns
 *
 *   $<true size> CR LF <true size bytes> CR LF        into
 *   $<limit> CR LF <the first limit bytes> CR LF      where the true size is greater than the limit.
 *
 * It stops behind each string that is `limit` long or longer: its true size is then in `string_bytes`, and the caller
 * parses what it has before it goes on. All else passes as it is, and is bounded here: what breaks the framing or a
 * bound is a protocol violation, after which the connection must be closed.
 *
 * Nothing is copied but numbers that are cut by the end of a chunk, or replaced. Nesting is not looked at: a string is
 * a string wherever it stands. */
#ifndef TASKLEDGER_PROTO_BULK_H
#define TASKLEDGER_PROTO_BULK_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BULK_LINE_MAX = 16 * 1024,       /* a status or an error */
    BULK_NUMBER_MAX = 32,            /* an integer, a size or a count, with its type and line end */
    BULK_ELEMENTS_MAX = 1024 * 1024, /* of one array */
    BULK_STRING_MAX = 1 << 30,       /* Redis takes no larger entry; a string that never ends says it is larger */
};

enum bulk_state { BULK_TYPE, BULK_NUMBER, BULK_LINE, BULK_KEEP, BULK_DROP, BULK_END_CR, BULK_END_LF };

struct bulk {
    size_t limit;
    size_t string_bytes; /* the true size of the last string that was as long as the limit or longer */
    enum bulk_state state;
    bool stop;                    /* behind this string */
    char number[BULK_NUMBER_MAX]; /* held back: cut by the end of a chunk, or to be replaced */
    size_t number_bytes;
    size_t line_bytes;
    bool line_cr; /* the line's last byte was a CR */
    uint64_t keep_bytes;
    uint64_t drop_bytes;
};

/* What the parser is to see next. */
struct bulk_passed {
    struct slice number; /* one that was held back, if any; lives in the bulk until the next pass */
    struct slice rest;   /* then this stretch of the input */
};

/* `limit` is at least 1. */
void bulk_init(struct bulk *bulk, size_t limit);

/* Take bytes off the front of `input`: all of them, or until it has to be told in a pass of its own what comes next.
 * False: the peer does not keep to the protocol. */
bool bulk_pass(struct bulk *bulk, struct slice *input, struct bulk_passed *passed);

#endif
