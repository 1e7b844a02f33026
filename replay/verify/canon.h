/* canon: one spelling for every JSON text that means the same.
 *
 * PostgreSQL's jsonb keeps the meaning of an event's data, not its bytes: blanks go, keys are sorted, of equal keys the
 * last one stays, strings lose their escapes, numbers their exponents. Two texts mean the same when their canons are
 * equal bytes:
 *
 *   object   { key value key value }    keys in bytewise order, each once
 *   array    [ value value ]
 *   string   " size bytes               without escapes
 *   number   # sign digits e exponent   no zeros at either end; "#0;" is zero
 *   others   t f n
 *
 * Size and exponent are eight bytes each, as this machine has numbers. */
#ifndef TASKLEDGER_REPLAY_VERIFY_CANON_H
#define TASKLEDGER_REPLAY_VERIFY_CANON_H

#include "proto/arena.h"
#include "proto/slice.h"

#include <stdbool.h>

enum { CANON_DEPTH_MAX = 128 };

/* The canon of a JSON text, in the arena. False when it is no JSON, is deeper than CANON_DEPTH_MAX, or memory is
 * short. */
bool canon_of(struct slice json, struct arena *arena, struct slice *canon);

/* Do both mean the same? Empty (not given) means the same as empty only. What has no canon is the same as nothing. */
bool canon_same(struct slice a, struct slice b, struct arena *arena);

#endif
