/* monitor_metrics: what the monitor counts, as Prometheus reads it; and the page that lists it.
 *
 * One table makes both, as in consumer/daemon/metrics.h. */
#ifndef TASKLEDGER_REPLAY_WEB_MONITOR_METRICS_H
#define TASKLEDGER_REPLAY_WEB_MONITOR_METRICS_H

#include "replay/web/counts.h"
#include "replay/web/feed/feed_hub.h"
#include "replay/web/workers.h"

#include <stdint.h>
#include <stdio.h>

struct monitor_metrics_values {
    struct counts_view counts;
    struct workers_counters workers;
    struct feed_hub_counters feed;

    /* Gauges; below 0 they are not known, and not printed. */
    int64_t connections;
    int64_t connections_max;
    int64_t streams_max;
    int64_t feed_reading; /* 1 or 0, as are the next two */
    int64_t redis_up;
    int64_t postgresql_up;
    int64_t stream_entries;
    int64_t group_lag;
    int64_t group_pending;
    int64_t oldest_us; /* age */
    int64_t start_us;  /* Unix time */
    int64_t resident_bytes;
};

/* Prometheus text, version 0.0.4. */
void monitor_metrics_print(const struct monitor_metrics_values *values, FILE *out);

/* The table as a table in Markdown, with its head. */
void monitor_metrics_print_markdown(FILE *out);

#endif
