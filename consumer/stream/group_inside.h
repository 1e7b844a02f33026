/* group_inside: what the two parts of a group share. Seen by group*.c only.
 *
 * group.c is the source; group_lanes.c reads over several lanes at a time (consumer/stream/lane.h). */
#ifndef TASKLEDGER_CONSUMER_STREAM_GROUP_INSIDE_H
#define TASKLEDGER_CONSUMER_STREAM_GROUP_INSIDE_H

#include "consumer/stream/group.h"
#include "consumer/stream/lane.h"
#include "consumer/stream/spread.h"
#include "proto/backoff.h"
#include "proto/clock.h"
#include "proto/stream.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A lane, and what is known of it that does not matter while it is the only one. */
struct group_lane {
    struct lane lane;
    size_t offset;         /* of its part of the batch that was handed out ... */
    size_t count;          /* ... and the entries there */
    uint64_t asks;         /* when it was last looked after ... */
    int64_t heard_us;      /* ... or heard of */
    unsigned failures;     /* since an answer came */
    bool swallowed;        /* the last of them took long */
    int64_t not_before_us; /* after one */
    struct backoff backoff;
};

struct group {
    struct group_slot slot;
    struct group_name name;
    char *group;
    unsigned shards;
    char (*keys)[STREAM_KEY_BYTES_MAX];
    const char **key_pointers; /* to the same keys */
    struct stream_id *lost_at; /* of each shard */
    size_t batch_entries;
    int wait_ms;
    bool finishing;
    bool agrees_on_shards;

    struct group_lane *lanes;
    size_t lane_count;

    /* Of several lanes. */
    struct spread spread;
    struct entry *gathered;   /* BATCH_ENTRIES_MAX: what several lanes have handed out */
    struct pollfd *awaited;   /* one for each lane, and one for whoever wakes us */
    size_t turn;              /* the lane that comes first */
    struct error away;        /* what the last lane that failed met with */
    bool agreed;              /* once: the number of shards in force was ours */
    int64_t not_before_us[2]; /* lanes that failed are called again, and those that swallowed: a call may take long */
    const struct clock *clock;
    int request_timeout_ms;
    int wake_descriptor; /* <= 0: none */

    struct entry *deleted; /* GROUP_DELETED_MAX */
    size_t deleted_count;

    struct group_counters counters;
    struct acks_counters acks;
};

/* As the source's functions, over several lanes. One that fails is opened again a little later; reading fails when none
 * is open. */
bool group_lanes_read(struct group *group, struct batch *batch, struct error *error);
bool group_lanes_settle(struct group *group, struct error *error);
void group_lanes_leave(struct group *group);

/* Divide what a batch may have among the lanes that are read. */
void group_lanes_share(struct group *group);

#endif
