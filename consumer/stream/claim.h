/* claim: take over what others were given and will not finish.
 *
 *   a dead consumer's entries    at once: its slot is free, which proves that it is gone
 *   a frozen consumer's entries  after the idle time: its session is ended, since in mid-transaction it holds locks that
 *                                all others would wait for; then it is a dead one
 *   what lay for too long        of anybody, also of consumers that are no slots of ours, after the idle time
 *   a dead consumer's name       when it has had nothing pending for the idle time: it is removed from the group
 *   our own, while we are slow   refreshed, so that nobody takes what we still hold in our hands
 *
 * What is taken over becomes ours as pending, and the source is told to read its own pending entries again. Entries
 * that Redis had given up, since they are no longer in the stream, are handed to the source as deleted.
 *
 * Works on a second connection, in rounds of bounded length: what one round leaves, the next takes up. */
#ifndef TASKLEDGER_CONSUMER_STREAM_CLAIM_H
#define TASKLEDGER_CONSUMER_STREAM_CLAIM_H

#include "consumer/stream/group.h"
#include "consumer/stream/slot.h"
#include "proto/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum { CLAIM_ROUND_MS = 50, CLAIM_PAGES_MAX = 20, CLAIM_SILENT_MS_MIN = 2000 };

struct claim_options {
    const char *group;
    unsigned shards;
    int64_t idle_ms; /* after which anybody's entries may be taken */
    const struct clock *clock;
};

struct claim_counters {
    uint64_t dead;      /* entries taken over from dead consumers */
    uint64_t idle;      /* ... from whoever left them lying */
    uint64_t refreshed; /* own ones */
    uint64_t deleted;   /* found to be gone from the stream */
    uint64_t ended;     /* sessions of frozen consumers */
    uint64_t retired;   /* names of dead consumers */
    uint64_t refused;   /* 1: such a session was another user's, and none is ended any more */
};

struct claim;

/* Borrows all it is given; NULL when memory is short. */
struct claim *claim_new(const struct claim_options *options, struct group *source, struct slot *slot);
void claim_free(struct claim *claim);

/* One round of the shards that we read, over `line`, which is connected and has nothing outstanding. Only while our slot is held. */
bool claim_round(struct claim *claim, struct redis *line, struct error *error);

const struct claim_counters *claim_counters(const struct claim *claim);

#endif
