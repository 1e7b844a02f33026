/* rejected_api: what was set aside, the newest first: GET /api/rejected?open=&cursor=&limit=.
 *
 *   {"now": "...", "rejected": [...], "cursor": "..." | null}
 *
 * open=1: only what is not resolved. The bytes are not told: taskledger-replay rejected show has them. */
#ifndef TASKLEDGER_REPLAY_WEB_REJECTED_API_H
#define TASKLEDGER_REPLAY_WEB_REJECTED_API_H

#include "replay/web/desk.h"
#include "replay/web/route.h"

bool rejected_api_tell(const struct question *question, struct desk *desk, struct json_writer *json,
                       struct error *error);

#endif
