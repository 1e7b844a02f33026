/* stats_api: the pipeline's numbers as JSON: GET /api/stats.
 *
 * An answer in any case: what cannot be had is null, and `servers` tells which server does not answer, with a word. */
#ifndef TASKLEDGER_REPLAY_WEB_STATS_API_H
#define TASKLEDGER_REPLAY_WEB_STATS_API_H

#include "replay/web/route.h"

enum { STATS_API_PATIENCE_MS = 2000 };

bool stats_api_tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error);

#endif
