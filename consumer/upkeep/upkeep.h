/* upkeep: what one consumer of the group `taskledger` at a time does for the stream and for all who read it.
 *
 *   trimming     entries that all groups have settled, every few seconds
 *   strays       keys of another number of shards, some every few seconds
 *   the census   of all groups, and how much memory Redis uses
 *   forgetting   the watermarks of producers that are gone
 *
 * That one is the holder of the watermark's turn. */
#ifndef TASKLEDGER_CONSUMER_UPKEEP_UPKEEP_H
#define TASKLEDGER_CONSUMER_UPKEEP_UPKEEP_H

#include "consumer/recovery/forget.h"
#include "consumer/stream/census.h"
#include "consumer/stream/group.h"
#include "consumer/upkeep/memory.h"
#include "consumer/upkeep/strays.h"
#include "consumer/upkeep/trim.h"

#include <stdbool.h>
#include <stdint.h>

struct upkeep_options {
    const char *group;
    const char *stream;
    unsigned shards;
    bool trims;
    int64_t retain_ms;
    int64_t retain_bytes; /* as in consumer/upkeep/trim.h */
};

struct upkeep {
    struct upkeep_options options;
    const struct group *source; /* borrowed, as is the next */
    const struct clock *clock;
    struct arena arena;
    struct trim trim;
    struct strays strays;
    struct census census;
    struct memory memory;
    struct forget forget;
    int64_t trim_due_us;
    int64_t strays_due_us;
    int64_t census_due_us;
    int64_t forget_due_us;
};

void upkeep_init(struct upkeep *upkeep, const struct upkeep_options *options, const struct group *source,
                 struct postgres *postgres, const struct clock *clock);
void upkeep_close(struct upkeep *upkeep);

/* When something is due, in the clock's time. */
int64_t upkeep_due_us(const struct upkeep *upkeep);

/* Do what is due, over `line`, which is connected and has nothing outstanding; the session with PostgreSQL is open.
 * Each part whatever became of the others; the first failure is told. */
bool upkeep_round(struct upkeep *upkeep, struct redis *line, struct error *error);

/* Another consumer has the turn: what was seen is its to tell. */
void upkeep_rest(struct upkeep *upkeep);

/* What all shards of the stream take of Redis' memory; -1: not known. */
int64_t upkeep_stream_bytes(const struct upkeep *upkeep);

/* Entries that nobody reads, in keys of another number of shards; -1: not known. */
int64_t upkeep_stray_unsettled(const struct upkeep *upkeep);

/* The group that holds back trimming, if one does and there is trimming; NULL: none. */
const struct census_row *upkeep_blocker(const struct upkeep *upkeep);

#endif
