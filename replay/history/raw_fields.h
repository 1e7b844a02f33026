/* raw_fields: every field of an event's bytes, known or not, as the wire has them.
 *
 * Fields are named by their numbers, those within others by a path: "10.1" is the task_id of a task status. What this
 * version does not know is shown all the same: numbers as numbers, bytes in hexadecimal. Bytes that are no protobuf end
 * the walk with a last line that says so. */
#ifndef TASKLEDGER_REPLAY_HISTORY_RAW_FIELDS_H
#define TASKLEDGER_REPLAY_HISTORY_RAW_FIELDS_H

#include "proto/arena.h"
#include "proto/slice.h"

#include <stdbool.h>

/* For people a line a field, "10.1 task_id  t-1"; for machines a JSON array of {"field","name","wire","value"}, where name is null when
 * it is not known. In the arena; data is NULL when memory is short. */
struct slice raw_fields(struct slice payload, bool is_json, struct arena *arena);

#endif
