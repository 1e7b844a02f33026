/* cluster_kept: commands on their way through a cluster: said, and not answered yet.
 *
 * In the order in which they were said, which is the order in which their answers are handed out. Of each it is known
 * over which link its answer will come, and how it went over the wire, so that it can be said again where a redirection
 * tells.
 *
 * Memory: as much as is on its way, twice at most, and CLUSTER_KEPT_SLACK_BYTES; a line on which something always is
 * (a consumer's, that reads ahead) does not grow. */
#ifndef TASKLEDGER_PROTO_CLUSTER_KEPT_H
#define TASKLEDGER_PROTO_CLUSTER_KEPT_H

#include "proto/error.h"
#include "proto/redis_output.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum { CLUSTER_KEPT_SLACK_BYTES = 64 * 1024 };

struct cluster_kept_command {
    size_t offset; /* in the bytes */
    size_t size;
    unsigned link;
    bool is_lost; /* it will have no answer */
};

/* Zeroed is empty. Owns its memory. */
struct cluster_kept {
    struct redis_output bytes;
    struct cluster_kept_command *commands;
    size_t first; /* of the commands that are on their way */
    size_t end;   /* behind the last one */
    size_t capacity;
};

void cluster_kept_close(struct cluster_kept *kept);

/* One more behind the others. TRANSIENT, "memory". */
bool cluster_kept_add(struct cluster_kept *kept, const struct slice *words, size_t count, unsigned link,
                      struct error *error);

static inline size_t cluster_kept_count(const struct cluster_kept *kept)
{
    return kept->end - kept->first;
}

/* The one that is answered next; NULL: none is on its way. This and all slices live until the next change. */
const struct cluster_kept_command *cluster_kept_front(const struct cluster_kept *kept);

/* The one that was added last; there must be one. */
const struct cluster_kept_command *cluster_kept_last(const struct cluster_kept *kept);

/* As it goes over the wire. */
struct slice cluster_kept_bytes(const struct cluster_kept *kept, const struct cluster_kept_command *command);

/* The last one, or all that are on their way over this link, but for the front if that was said elsewhere. */
void cluster_kept_lose_last(struct cluster_kept *kept);
void cluster_kept_lose(struct cluster_kept *kept, unsigned link, bool not_the_front);

/* The front has its answer. */
void cluster_kept_answered(struct cluster_kept *kept);

/* The links are gone, and all that was on them. */
void cluster_kept_forget(struct cluster_kept *kept);

#endif
