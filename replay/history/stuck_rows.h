/* stuck_rows: active tasks without a sign of life, what is known of who said the last thing, and how to close each: as
 * rows of an answer. */
#ifndef TASKLEDGER_REPLAY_HISTORY_STUCK_ROWS_H
#define TASKLEDGER_REPLAY_HISTORY_STUCK_ROWS_H

#include "consumer/postgres/postgres.h"
#include "proto/arena.h"
#include "proto/error.h"
#include "proto/uuid.h"
#include "replay/output/output.h"

#include <stdbool.h>
#include <stdint.h>

/* "SELECT " STUCK_ROWS_SELECTED STUCK_ROWS_FROM. Parameter $1: for how long they must have been silent, as
 * stuck_rows_interval writes it. To be ordered by s.occurred_at, s.task_id: the longest silence first. */
#define STUCK_ROWS_SELECTED                                                                             \
    "s.task_id, s.status, s.attempt, s.task_name, s.queue, s.worker, s.step, s.started_at,"             \
    " s.occurred_at, s.producer_id, s.sequence, s.producer_host, s.producer_pid, s.producer_closed_at," \
    " s.producer_heard_at, e.recorded_at"
#define STUCK_ROWS_FROM                               \
    " FROM taskledger.stuck_tasks($1::interval) AS s" \
    " LEFT JOIN taskledger.task_event AS e USING (producer_id, sequence)"

enum { STUCK_ROWS_COLUMNS = 19, STUCK_ROWS_SELECTS = 16, STUCK_ROWS_INTERVAL_BYTES = 16 };

extern const struct column stuck_rows_columns[STUCK_ROWS_COLUMNS];

/* Set all but the arena, which is zeroed and to be closed. */
struct stuck_rows {
    int64_t now_us; /* of the snapshot */
    int64_t older_us;
    const char *stream; /* borrowed; as the command to close a task names it */
    unsigned shards;
    struct arena arena; /* of one row */
};

/* Borrows from the row that was read, and from the arena until the next one. */
struct stuck_rows_cells {
    char producer_id[UUID_TEXT_BYTES];
    struct value values[STUCK_ROWS_COLUMNS];
};

struct slice stuck_rows_interval(int64_t older_us, uint8_t bytes[STUCK_ROWS_INTERVAL_BYTES]);

/* FATAL, "memory". */
bool stuck_rows_fill(struct stuck_rows *rows, const struct postgres_row *row, struct stuck_rows_cells *cells,
                     struct error *error);

#endif
