/* vitals: how the monitor itself is: GET /livez, /readyz and /metrics.
 *
 *   /livez     200 as long as questions are taken: it says nothing about servers, since a restart does not bring those
 *              back
 *   /readyz    200, or 503 while PostgreSQL or Redis is away, or none was asked yet; JSON with the reasons
 *   /metrics   Prometheus text, version 0.0.4 */
#ifndef TASKLEDGER_REPLAY_WEB_VITALS_H
#define TASKLEDGER_REPLAY_WEB_VITALS_H

#include "replay/web/route.h"

/* struct route's `serve`, each. */
void vitals_serve_livez(const struct question *question);
void vitals_serve_readyz(const struct question *question);
void vitals_serve_metrics(const struct question *question);

#endif
