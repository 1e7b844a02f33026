/* history_api: what was said of a task, as it happened: GET /api/tasks/ID/history?raw=&cursor=&limit=.
 *
 *   {"now": "...", "task": {...}, "attempts": [...], "events": [...], "cursor": "..." | null, "is_cut": false}
 *
 * What `taskledger-replay history` tells, but for what is only in the stream yet: that comes by the feed. Events are
 * attempt by attempt, each as history_rows_events has it for machines; raw=1 adds what history_rows_raw tells of the
 * bytes. Attempts are on the first page, and of all pages.
 *
 * Of a task of very many events the first HISTORY_API_SEEN are looked at for attempts and marks; when there are more,
 * `is_cut` says so: the last attempts are then short or missing, and what arrived late has no mark. A page ends early
 * after about HISTORY_API_BYTES. */
#ifndef TASKLEDGER_REPLAY_WEB_HISTORY_API_H
#define TASKLEDGER_REPLAY_WEB_HISTORY_API_H

#include "replay/web/desk.h"
#include "replay/web/route.h"

enum { HISTORY_API_SEEN = 200000, HISTORY_API_BYTES = 8 * 1024 * 1024, HISTORY_API_EVENTS_MAX = 5000 };

/* REJECTED, "not_found". */
bool history_api_tell(const struct question *question, struct desk *desk, struct json_writer *json,
                      struct error *error);

#endif
