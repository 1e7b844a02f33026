/* past: what a task was at some moment, folded from its events. */
#ifndef TASKLEDGER_REPLAY_HISTORY_PAST_H
#define TASKLEDGER_REPLAY_HISTORY_PAST_H

#include "proto/arena.h"
#include "proto/error.h"
#include "replay/fold.h"
#include "replay/ledger.h"

#include <stdbool.h>
#include <stdint.h>

struct past_moment {
    int64_t as_of_us;    /* of what happened; INT64_MAX: of all */
    int64_t known_at_us; /* of what the ledger had learnt; the same */
};

/* A zeroed one can be closed. */
struct past {
    struct fold fold;    /* what the task was; nothing when `any` is not set */
    uint64_t unreadable; /* events left out */
    bool is_too_late;    /* events of that time were pruned: it cannot be told any more */
    struct arena arena;  /* of one event */
};

/* Both moments count. `past` is made anew. */
bool past_tell(struct past *past, struct ledger *ledger, struct slice task_id, const struct past_moment *moment,
               struct error *error);
void past_close(struct past *past);

#endif
