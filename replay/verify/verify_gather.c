#include "replay/verify/verify_gather.h"

#include "proto/status.h"
#include "replay/cell.h"
#include "replay/verify/redacted.h"

enum { OCCURRED_AT = 4, TASK_ID, STATUS, ATTEMPT }; /* of VERIFY_EVENT_COLUMNS */

/* What is left of a redacted event is in the columns. */
static bool add_redacted(struct gather *tasks, const struct postgres_row *row, const struct verify_event *event,
                         struct error *error)
{
    const struct event left = {
        .producer_id = event->producer_id,
        .sequence = event->sequence,
        .occurred_at_us = postgres_read_time_us(cell_of_row(row, OCCURRED_AT)),
        .body = EVENT_TASK_STATUS,
        .task_status = {.task_id = cell_of_row(row, TASK_ID),
                        .status = status_parse(cell_of_row(row, STATUS)),
                        .attempt = (uint32_t)postgres_read_int32(cell_of_row(row, ATTEMPT))},
    };
    const struct projection projection = projection_of(&left);

    return gather_add(tasks, &projection, error);
}

bool verify_gather_event(struct gather *tasks, const struct postgres_row *row, const struct verify_event *event,
                         struct error *error)
{
    struct slice task_id = cell_of_row(row, TASK_ID);

    if (task_id.data == NULL)
        return true;
    if (task_id.size > EVENT_TASK_ID_BYTES_MAX)
        task_id.size = EVENT_TASK_ID_BYTES_MAX;
    if (redacted_is(event->payload))
        return add_redacted(tasks, row, event, error);
    if (!event->is_readable || event->event.body != EVENT_TASK_STATUS ||
        !slice_equal(event->event.task_status.task_id, task_id))
        return gather_add_unreadable(tasks, task_id, error);

    struct projection projection = projection_of(&event->event);
    projection.sequence = event->said;
    return gather_add(tasks, &projection, error);
}
