/* events_api: what tasks do, as it happens: GET /api/events, as server-sent events (replay/web/feed/feed_hub.h).
 *
 * Where to begin: the header Last-Event-ID, which a browser sends when it comes back, else the parameter last_event_id,
 * else now. 503 with Retry-After while the feed cannot begin, and when as many look on as may. */
#ifndef TASKLEDGER_REPLAY_WEB_EVENTS_API_H
#define TASKLEDGER_REPLAY_WEB_EVENTS_API_H

#include "replay/web/route.h"

/* struct route's `serve`. */
void events_api_serve(const struct question *question);

#endif
