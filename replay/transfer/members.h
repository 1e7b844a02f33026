/* members: the names and values of a JSON object, one after the other.
 *
 * The object was checked before (proto/json.h): this only finds its way through it. */
#ifndef TASKLEDGER_REPLAY_TRANSFER_MEMBERS_H
#define TASKLEDGER_REPLAY_TRANSFER_MEMBERS_H

#include "proto/arena.h"
#include "proto/slice.h"

#include <stdbool.h>

/* `rest` is the whole object at first. */
struct members {
    struct slice rest;
    struct arena *arena; /* for texts; borrowed */
};

struct member {
    struct slice name;
    struct slice value; /* as it is written: a text has its quotes */
};

/* The next one; false when there is none. The name is empty when the arena is exhausted. */
bool members_next(struct members *members, struct member *member);

/* What a text means: a part of the object, or in the arena. False when the value is no text, or the arena is
 * exhausted. */
bool members_text(const struct members *members, struct slice value, struct slice *text);

#endif
