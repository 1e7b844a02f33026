/* producers_api: who speaks, and who did: those that are open first, each the newest first:
 * GET /api/producers?cursor=&limit=.
 *
 *   {"now": "...", "producers": [...], "cursor": "..." | null}
 *
 * A producer is open until its end was told, and silent when it is open and nothing of it was stored for five minutes;
 * newest by its ID, which begins with the time when it was made. */
#ifndef TASKLEDGER_REPLAY_WEB_PRODUCERS_API_H
#define TASKLEDGER_REPLAY_WEB_PRODUCERS_API_H

#include "replay/web/desk.h"
#include "replay/web/route.h"

bool producers_api_tell(const struct question *question, struct desk *desk, struct json_writer *json,
                        struct error *error);

#endif
