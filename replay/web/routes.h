/* routes: the table of all addresses. */
#ifndef TASKLEDGER_REPLAY_WEB_ROUTES_H
#define TASKLEDGER_REPLAY_WEB_ROUTES_H

#include "replay/web/route.h"

extern const struct route routes[];
extern const size_t routes_count;

#endif
