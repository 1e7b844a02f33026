/* tasks_api: tasks, the newest first: GET /api/tasks?status=&name=&since=&cursor=&limit=.
 *
 *   {"now": "...", "position": "..." | null, "tasks": [...], "cursor": "..." | null}
 *
 * By when they were first heard of, and their names; each as task_api_write lists it. `position` is given without a
 * cursor: the place in the feed from which it goes on after this list; what is told up to there is in it. */
#ifndef TASKLEDGER_REPLAY_WEB_TASKS_API_H
#define TASKLEDGER_REPLAY_WEB_TASKS_API_H

#include "replay/web/desk.h"
#include "replay/web/route.h"

/* Late: the position is taken before the snapshot. */
bool tasks_api_tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error);

#endif
