#include "replay/skeleton.h"

#include "consumer/postgres/postgres.h"
#include "proto/status.h"

enum { SEQUENCE_AT = UUID_BYTES, TIME_AT = SEQUENCE_AT + 8, ATTEMPT_AT = TIME_AT + 8, STATUS_AT = ATTEMPT_AT + 4 };

bool skeleton_read(struct slice value, struct slice task_id, struct event *event)
{
    if (value.size <= STATUS_AT)
        return false;
    *event = (struct event){
        .producer_id = postgres_read_uuid(slice_of(value.data, UUID_BYTES)),
        .sequence = (uint64_t)postgres_read_int64(slice_of(value.data + SEQUENCE_AT, 8)),
        .occurred_at_us = postgres_read_time_us(slice_of(value.data + TIME_AT, 8)),
        .body = EVENT_TASK_STATUS,
        .task_status =
            {
                .task_id = task_id,
                .status = status_parse(slice_of(value.data + STATUS_AT, value.size - STATUS_AT)),
                .attempt = (uint32_t)postgres_read_int32(slice_of(value.data + ATTEMPT_AT, 4)),
            },
    };
    return event->task_status.status != STATUS_UNSPECIFIED;
}
