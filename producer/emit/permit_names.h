/* permit_names: which permits there are, found among the keys of Redis. */
#ifndef TASKLEDGER_PRODUCER_EMIT_PERMIT_NAMES_H
#define TASKLEDGER_PRODUCER_EMIT_PERMIT_NAMES_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stddef.h>

enum { PERMIT_NAMES_MAX = 10000 };

struct permit_names {
    struct arena texts;
    char **names; /* in order, each once; owned */
    size_t count;
    bool is_cut; /* there are more names, or more keys, than are looked at */
};

/* Of permits that somebody holds or waits for, and perhaps of some of which that is no longer so. A zeroed struct is
 * empty; to be closed in any case. Errors as in proto/redis.h; TRANSIENT "memory". */
bool permit_names_find(struct redis *redis, struct permit_names *names, struct error *error);
void permit_names_close(struct permit_names *names);

#endif
