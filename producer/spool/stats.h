/* stats: the counters of one producer, as a file that anybody may read who may read its spool.
 *
 *   taskledger stats 1
 *   pid 4711
 *   worker shop:4711
 *   accepted 1200
 *   ...
 *
 * One name and its value a line: numbers, and texts as a terminal may see them (proto/text.h). It lies in the
 * producer's sub-folder and is replaced as a whole, so a reader sees the one or the other. A reader passes over names
 * that it does not know, and takes 0 or "" for what it misses. There is no secret in it. */
#ifndef TASKLEDGER_PRODUCER_SPOOL_STATS_H
#define TASKLEDGER_PRODUCER_SPOOL_STATS_H

#include "producer/taskledger/producer.h"
#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATS_FILE     "stats"
#define STATS_NEW_FILE "stats.new"

enum { STATS_BYTES_MAX = 8 * 1024, STATS_WORKER_BYTES_MAX = 256 };

struct stats {
    uint64_t pid;
    char worker[STATS_WORKER_BYTES_MAX];
    uint64_t written_at_us;       /* Unix time */
    uint64_t oldest_unsent_at_us; /* when the oldest that Redis does not have yet is said to have happened; 0: none */
    struct taskledger_counters counters;
};

/* Returns the size of the text; there is no NUL behind it. */
size_t stats_format(const struct stats *stats, char text[STATS_BYTES_MAX]);

/* False when it is no such file; whatever else is in it, `stats` is filled in. */
bool stats_parse(struct slice text, struct stats *stats);

/* Replace the file in this folder. TRANSIENT, "disk". */
bool stats_write(int folder, const struct stats *stats, struct error *error);

/* Read the file in this folder. False when there is none, or none that can be read. Waits for nobody, whatever else
 * lies there in its place. */
bool stats_read(int folder, struct stats *stats);

#endif
