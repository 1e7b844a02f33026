/* projection: what a task's events add up to.
 *
 * A projection is one row of the ledger's table `task`. It is made from one event, and two projections of one task
 * merge into one; merging is associative and commutative, and but for event_count idempotent. So the order of arrival,
 * duplicates and the way events are cut into batches cannot change the row, as long as each event is counted once.
 *
 * Events of a task are totally ordered by (attempt, phase, occurred_at, producer_id, sequence). From the greatest come,
 * whole: status, attempt, step, progress, message, worker, queue, error, data, occurred_at, producer_id, sequence.
 *   task_name, parent_task_id   the bytewise least that is not empty
 *   first_at                    least occurred_at of all
 *   queued_at, started_at       least occurred_at among waiting events, and among RUNNING ones, of the greatest attempt
 *   finished_at                 occurred_at of the greatest event if that is final
 * A SUCCESS without a step shows the step "completed".
 *
 * The consumer's SQL merges a folded batch into the stored row by the same rules; a test holds the two together. */
#ifndef TASKLEDGER_PROTO_PROJECTION_H
#define TASKLEDGER_PROTO_PROJECTION_H

#include "proto/event.h"
#include "proto/slice.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

/* A time that is not there. */
#define PROJECTION_NEVER INT64_MAX

struct projection {
    struct slice task_id;
    enum status status;
    uint32_t attempt; /* at least 1 */
    struct slice step;
    bool has_progress;
    double progress;
    struct slice message;
    struct slice worker;
    struct slice queue;
    struct slice error_type;
    struct slice error_message;
    struct slice data_json;
    int64_t occurred_at_us;
    struct uuid producer_id;
    uint64_t sequence;
    struct slice task_name;
    struct slice parent_task_id;
    int64_t first_at_us;
    int64_t queued_at_us;   /* or PROJECTION_NEVER */
    int64_t started_at_us;  /* or PROJECTION_NEVER */
    int64_t finished_at_us; /* or PROJECTION_NEVER */
    uint64_t event_count;
};

/* The projection of a single task status event. Borrows the event's slices. */
struct projection projection_of(const struct event *event);

/* `into` becomes what both together say. Borrows the slices of both. They must be of the same task. */
void projection_merge(struct projection *into, const struct projection *other);

/* By the total order: negative, zero (the same event) or positive. */
int projection_compare(const struct projection *a, const struct projection *b);

/* The name of the first column in which two projections differ, or NULL. `data` is compared by its bytes. */
const char *projection_difference(const struct projection *a, const struct projection *b);

#endif
