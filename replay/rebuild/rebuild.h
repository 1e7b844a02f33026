/* rebuild: the projection made anew from the events, beside consumers that go on.
 *
 *   prepare    the new table, and the trigger that notes which tasks change from now on            rebuild_make.c
 *   replay     range by range, the fold of the events and bases of each task is copied into it      rebuild_load.c
 *   catch up   the tasks that were touched meanwhile are folded again, until few are left           catch_up.c
 *   verify     every row of the new table against another fold, in a later snapshot                 rebuild_check.c
 *   swap       under a lock: the last touched ones, then both tables change their names             rebuild_swap.c
 *
 * Who was touched is noted in the transaction that stored the event, and whoever folds takes away only the notes that
 * his snapshot has; so a row is right, or it is noted. All is in tables, and each step is a transaction: a run that was
 * killed goes on where it stood.
 *
 * Going back needs no notes: a row that was written after the swap carries the number of a transaction that is not
 * older (rebuild_back.c). */
#ifndef TASKLEDGER_REPLAY_REBUILD_REBUILD_H
#define TASKLEDGER_REPLAY_REBUILD_REBUILD_H

#include "proto/error.h"
#include "replay/change.h"
#include "replay/command.h"
#include "replay/console.h"
#include "replay/rebuild/run.h"

#include <stdbool.h>
#include <stdint.h>

struct rebuild {
    struct replay *replay;
    struct change change; /* holds the lock: one rebuild at a time */
    struct run run;
    int64_t jobs;
    uint64_t expected_events; /* about */
    struct console_progress progress;
    int64_t started_us; /* this process; monotonic */

    /* What this process did. */
    uint64_t events_loaded;
    int64_t replay_us;
    uint64_t events_verified;
    uint64_t tasks_caught_up;
};

/* The stages. Each leaves the run in the next one. */
bool rebuild_make(struct rebuild *rebuild, struct error *error);
bool rebuild_load(struct rebuild *rebuild, struct error *error);
bool rebuild_catch_up(struct rebuild *rebuild, struct error *error);
bool rebuild_check(struct rebuild *rebuild, struct error *error);
bool rebuild_swap(struct rebuild *rebuild, struct error *error);

/* The same for going back to the previous table: instead of making a table, and of loading it. */
bool rebuild_back(struct rebuild *rebuild, struct error *error);
bool rebuild_note_changed(struct rebuild *rebuild, struct error *error);

/* Take away what an unfinished run has made, or the previous table. */
bool rebuild_abort(struct rebuild *rebuild, struct error *error);
bool rebuild_drop(struct rebuild *rebuild, struct error *error);

/* FATAL "config", with their names, when something hangs on the table that cannot come along. */
bool rebuild_check_obstacles(struct postgres *postgres, struct error *error);

#endif
