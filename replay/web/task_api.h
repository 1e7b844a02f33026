/* task_api: one task as JSON: GET /api/tasks/ID.
 *
 *   {"now": "...", "task": {"task_id": ..., ...}}
 *
 * Keys are the names of task_row_columns, as replay/web/row_json.h writes them. */
#ifndef TASKLEDGER_REPLAY_WEB_TASK_API_H
#define TASKLEDGER_REPLAY_WEB_TASK_API_H

#include "proto/projection.h"
#include "replay/web/desk.h"
#include "replay/web/route.h"

/* One task. In a list there is no "data", and long texts are cut. */
void task_api_write(struct json_writer *json, const struct projection *projection, int64_t updated_at_us,
                    bool is_listed);

/* REJECTED, "not_found". */
bool task_api_tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error);

#endif
