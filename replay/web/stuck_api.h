/* stuck_api: active tasks without a sign of life, the longest silence first: GET /api/stuck?older_s=&cursor=&limit=.
 *
 *   {"now": "...", "tasks": [...], "cursor": "..." | null}
 *
 * Each with what `taskledger-replay stuck` tells of it (replay/history/stuck_rows.h).
 *
 * There is no index of what is active, since it would be written with every event: a page looks through 32,768 pages of
 * the table, a quarter of a gigabyte, and its cursor leads to the next ones. So the longest silence comes first among all
 * tasks of a ledger up to some 400,000, and among those of each part of a larger one. */
#ifndef TASKLEDGER_REPLAY_WEB_STUCK_API_H
#define TASKLEDGER_REPLAY_WEB_STUCK_API_H

#include "replay/web/desk.h"
#include "replay/web/route.h"

bool stuck_api_tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error);

#endif
