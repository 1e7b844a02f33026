/* follow: go on showing what a task's workers say, until it has ended.
 *
 * Looks again and again, at the task's row first, which tells whether there is anything new, and at what is still in
 * the stream. It has ended when its row is final, nothing of it is in the stream, and nothing new has come for
 * FOLLOW_SETTLE_MS: whoever runs it again within that time is followed on. While PostgreSQL or Redis is away it
 * waits. */
#ifndef TASKLEDGER_REPLAY_HISTORY_FOLLOW_H
#define TASKLEDGER_REPLAY_HISTORY_FOLLOW_H

#include "proto/error.h"
#include "proto/slice.h"
#include "replay/command.h"
#include "replay/history/history_marks.h"
#include "replay/history/history_show.h"
#include "replay/history/seen_events.h"
#include "replay/ledger.h"
#include "replay/task_stream.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FOLLOW_EVERY_MS = 300,
    FOLLOW_AWAY_MS_MAX = 2000, /* between two tries while PostgreSQL is away */
    FOLLOW_SHARE = 4,          /* a look that takes long is followed by a pause so many times as long */
    FOLLOW_SETTLE_MS = 2000,
};

/* All borrowed. Everything noted in `seen` was shown. */
struct follow {
    const struct replay *replay;
    struct slice task_id;
    struct ledger *ledger;
    struct task_stream *stream;
    struct history_marks *marks;
    struct history_show *show;
    struct seen_events *seen;
};

/* Returns when the task has ended; the ledger has then a fresh snapshot. Fails FATAL only. */
bool follow_until_end(struct follow *follow, struct error *error);

#endif
