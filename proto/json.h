/* json: is this text a JSON object that PostgreSQL will store?
 *
 * Accepted is what RFC 8259 allows and jsonb takes: well-formed UTF-8, no \u0000, no lone surrogate, a bounded depth,
 * and numbers that `numeric` holds. The limits below are narrower than PostgreSQL's own, so that what passes here can
 * never fail there; a name may come twice (jsonb keeps the last). One pass, no recursion, no memory: every event with
 * data goes through it. */
#ifndef TASKLEDGER_PROTO_JSON_H
#define TASKLEDGER_PROTO_JSON_H

#include "proto/slice.h"

#include <stddef.h>

enum {
    JSON_DEPTH_MAX = 65,            /* 64 levels of data and the object they stand in */
    JSON_NUMBER_DIGITS_MAX = 8000,  /* before the point, and behind it */
    JSON_NUMBER_EXPONENT_MAX = 400, /* either sign. More than a double has; each is written out when it is read back */
};

/* NULL when `text` is a JSON object at most `depth_max` (1 to JSON_DEPTH_MAX) deep, the object itself being 1. Else
 * what was found instead, in a few words (static storage); `*offset` is then where. */
const char *json_check_object(struct slice text, unsigned depth_max, size_t *offset);

#endif
