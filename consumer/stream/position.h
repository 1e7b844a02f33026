/* position: how many entries a stream was given up to one of its IDs; an estimate.
 *
 * Redis cannot count the entries between two IDs without reading them. But some places are known: the first entry there
 * is, the last one, and the last one that a group was given, whose number Redis keeps as the group's entries-read. In
 * between it is interpolated, as if entries had come at an even pace. */
#ifndef TASKLEDGER_CONSUMER_STREAM_POSITION_H
#define TASKLEDGER_CONSUMER_STREAM_POSITION_H

#include "proto/stream.h"

#include <stddef.h>
#include <stdint.h>

enum { POSITION_MARKS_MAX = 32 };

struct position_mark {
    struct stream_id id;
    int64_t entries; /* ever added, up to this one and including it */
};

/* Zeroed, it knows nothing: everything is at 0. */
struct position {
    struct position_mark marks[POSITION_MARKS_MAX]; /* ascending in both */
    size_t count;
};

/* A place that is known. One that contradicts those there are is not believed, and one too many is left out. */
void position_add(struct position *position, struct stream_id id, int64_t entries);

/* How many entries up to `id`, including one that has this ID. Before the first mark one less than there, behind the
 * last one as many. */
int64_t position_of(const struct position *position, struct stream_id id);

#endif
