/* monitor_inside: what handlers may see of the monitor. */
#ifndef TASKLEDGER_REPLAY_WEB_MONITOR_INSIDE_H
#define TASKLEDGER_REPLAY_WEB_MONITOR_INSIDE_H

#include "consumer/http/server.h"
#include "proto/clock.h"
#include "replay/web/access.h"
#include "replay/web/counts.h"
#include "replay/web/feed/feed_hub.h"
#include "replay/web/limiter.h"
#include "replay/web/monitor.h"
#include "replay/web/monitor_settings.h"
#include "replay/web/pulse.h"
#include "replay/web/stats/stats.h"
#include "replay/web/workers.h"

/* Made before the first request and closed after the last one; each part says what several threads may do with it. */
struct monitor {
    const struct monitor_settings *settings;
    const struct clock *clock;
    struct access_rules rules;
    struct workers *workers;
    struct server *server;
    struct pulse *pulse;
    struct stats *stats;
    struct feed_hub *hub; /* NULL: nothing is told as it happens, see monitor_settings.h */
    int streams_max;      /* of the hub's guests */
    struct counts counts;
    int64_t started_us; /* Unix time */

    /* The server thread's own. */
    struct limiter *requests;
    struct limiter *sign_ins;
};

/* How its sessions with PostgreSQL are: read-only, and nothing waits for longer. */
struct postgres_options monitor_postgres_options(const struct monitor *monitor, int timeout_ms);

/* struct server_options' `serve`; `self` is the monitor. */
void monitor_serve(void *self, struct server_exchange *exchange);

#endif
