/* plain: are two JSON texts flat objects that spell the same members, as most are that are the same?
 *
 * Cheaper than replay/verify/canon.h, and only ever sure of yes: members with strings without escapes, numbers without
 * exponents, true, false and null, each spelt alike in both, in any order, no key twice. */
#ifndef TASKLEDGER_REPLAY_VERIFY_PLAIN_H
#define TASKLEDGER_REPLAY_VERIFY_PLAIN_H

#include "proto/slice.h"

#include <stdbool.h>

enum { PLAIN_MEMBERS_MAX = 16 };

/* True: they mean the same. False: who knows. */
bool plain_same(struct slice a, struct slice b);

#endif
