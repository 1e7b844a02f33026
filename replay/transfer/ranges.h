/* ranges: numbers of one producer, as unbroken stretches in ascending order that do not touch. */
#ifndef TASKLEDGER_REPLAY_TRANSFER_RANGES_H
#define TASKLEDGER_REPLAY_TRANSFER_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
    uint64_t first;
    uint64_t last;
};

/* A zeroed one is empty. */
struct ranges {
    struct range *items; /* owned */
    size_t count;
    size_t capacity;
};

void ranges_close(struct ranges *ranges);

/* Behind what is there: `first` is greater than the last one. False when memory is short. */
bool ranges_append(struct ranges *ranges, uint64_t first, uint64_t last);

/* What is in `a` and not in `b`, behind what `into` holds: nothing at first. */
bool ranges_without(const struct ranges *a, const struct ranges *b, struct ranges *into);

/* What is in either. */
bool ranges_together(const struct ranges *a, const struct ranges *b, struct ranges *into);

#endif
