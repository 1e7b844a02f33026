/* usage: what a command costs, as its task's data has it.
 *
 *   wall_seconds         since the attempt began
 *   cpu_user_seconds     of all its processes, those that it has waited for included
 *   cpu_system_seconds
 *   rss_bytes            memory of all its processes together, now; only while it runs
 *   max_rss_bytes        the most that was seen: of all together at a heartbeat, or of one of them at its end
 *
 * While it runs, the numbers come from its tree of processes; at the end, from wait4(2), which knows of all that were
 * waited for. None is ever less than what was told before. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_USAGE_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_USAGE_H

#include "producer/emit/run/tree.h"
#include "proto/json_writer.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

/* A zeroed one knows nothing yet. */
struct usage {
    double wall_seconds;
    double cpu_user_seconds;
    double cpu_system_seconds;
    uint64_t rss_bytes; /* 0: not known */
    uint64_t max_rss_bytes;
};

/* As of the tree's last look. */
void usage_of_tree(struct usage *usage, const struct tree *tree);

/* At the end. */
void usage_of_rest(struct usage *usage, const struct rusage *rest);

/* As members of a JSON object that has begun; what is not known is left out. */
void usage_write(const struct usage *usage, struct json_writer *json);

#endif
