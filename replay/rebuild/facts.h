/* facts: what a rebuild would meet: for the plan, and for the decision whether it may begin. */
#ifndef TASKLEDGER_REPLAY_REBUILD_FACTS_H
#define TASKLEDGER_REPLAY_REBUILD_FACTS_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "replay/output/output.h"
#include "replay/rebuild/run.h"

#include <stdbool.h>
#include <stdint.h>

struct facts {
    uint64_t events; /* about */
    bool is_counted; /* exactly */
    uint64_t tasks;  /* about */
    int64_t table_bytes;
    int64_t events_per_second; /* of the last rebuild; 0: there was none */
    bool is_unfinished;
    struct run run; /* the unfinished one */
    uint64_t ranges;
    uint64_t ranges_loaded;
    int64_t swapped_at_us; /* of the previous table that is kept; PROJECTION_NEVER: none is */
    int64_t kept_bytes;
};

/* A reader may ask. */
bool facts_read(struct postgres *postgres, struct facts *facts, struct error *error);

/* The plan of a rebuild. */
void facts_show(const struct facts *facts, int64_t jobs, struct output *output);

#endif
