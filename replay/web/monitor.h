/* monitor: the server, its workers, and which address is answered by whom. */
#ifndef TASKLEDGER_REPLAY_WEB_MONITOR_H
#define TASKLEDGER_REPLAY_WEB_MONITOR_H

#include "proto/clock.h"
#include "proto/error.h"
#include "replay/web/monitor_settings.h"
#include "replay/web/pulse.h"

struct monitor;

/* Listen and serve; servers are asked when somebody asks us. The settings outlive it. FATAL. */
struct monitor *monitor_open(const struct monitor_settings *settings, const struct clock *clock, struct error *error);
void monitor_close(struct monitor *monitor);

/* Look how the servers behind it are; in one thread, again at monitor_due_us (of the monotonic clock). */
void monitor_look(struct monitor *monitor, struct pulse_view *view);
int64_t monitor_due_us(const struct monitor *monitor);

/* Where it listens, with the real port. */
const char *monitor_address(const struct monitor *monitor);

#endif
