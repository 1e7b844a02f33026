/* memory: how much of its memory Redis uses, and whether that is too much.
 *
 * Short at more than 80 % of maxmemory, until it is below 75 % again. Without a maxmemory it is never short. A cluster is
 * short when one of its masters is; its numbers are the sums of theirs. */
#ifndef TASKLEDGER_CONSUMER_UPKEEP_MEMORY_H
#define TASKLEDGER_CONSUMER_UPKEEP_MEMORY_H

#include "proto/arena.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stdint.h>

enum { MEMORY_SHORT_PERCENT = 80, MEMORY_ENOUGH_PERCENT = 75 };

struct memory {
    int64_t used_bytes; /* -1: not known */
    int64_t max_bytes;  /* 0: no limit; -1: not known */
    bool is_short;
};

/* What INFO memory says. What it does not say is not known. */
void memory_note(struct memory *memory, struct slice info);

/* Ask over `line`, which is connected and has nothing outstanding. The arena holds the answers. */
bool memory_look(struct memory *memory, struct redis *line, struct arena *arena, struct error *error);

#endif
