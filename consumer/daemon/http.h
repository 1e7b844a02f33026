/* http: what others may look at while we work: GET or HEAD of
 *
 *   /metrics   Prometheus text, version 0.0.4
 *   /livez     200 while the loop turns: it says nothing about servers, since a restart does not bring those back
 *   /readyz    200, or 503 while something is away that we need; JSON with the reasons
 *
 * Everything else is 404, or 405. The library's thread (all signals blocked) reads only what was published here, copies
 * under a lock; it never sees the state of the loop. Connections, their time and their memory are bounded. */
#ifndef TASKLEDGER_CONSUMER_DAEMON_HTTP_H
#define TASKLEDGER_CONSUMER_DAEMON_HTTP_H

#include "proto/clock.h"
#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { HTTP_CONNECTIONS_MAX = 32, HTTP_TIMEOUT_S = 10, HTTP_CONNECTION_BYTES = 16 * 1024 };

struct http;

/* Listen and serve, not ready ("starting") until something is published; `live_ms` is how long a turn of the loop may
 * take. FATAL, "config" or "listen". */
struct http *http_open(const char *listen, int64_t live_ms, const struct clock *clock, struct error *error);
void http_close(struct http *http);

/* Where it listens, with the real port. Lives as long as http. */
const char *http_address(const struct http *http);

/* The loop turns. */
void http_tick(struct http *http);

/* What is to be seen from now on; copied. When memory is short the old page stays. */
void http_publish_metrics(struct http *http, struct slice text);
void http_publish_readiness(struct http *http, bool ready, struct slice json);

#endif
