/* losses_api: what was ever found missing, the newest first: GET /api/losses?open=&cursor=&limit=.
 *
 *   {"now": "...", "losses": [...], "cursor": "..." | null}
 *
 * open=1: only what was not repaired. */
#ifndef TASKLEDGER_REPLAY_WEB_LOSSES_API_H
#define TASKLEDGER_REPLAY_WEB_LOSSES_API_H

#include "replay/web/desk.h"
#include "replay/web/route.h"

bool losses_api_tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error);

#endif
