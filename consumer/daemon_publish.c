#include "consumer/daemon.h"

#include "consumer/metrics.h"
#include "proto/json_writer.h"
#include "proto/rfc3339.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Why we are not ready; NULL when we are. */
static const char *hindrance(const struct daemon *daemon)
{
    if (*daemon->stop)
        return "stopping";
    if (daemon->outage.going_on)
        return daemon->outage.name;
    return daemon->has_turned ? NULL : "starting";
}

static void write_readiness(const struct daemon *daemon, const char *reason, struct json_writer *json)
{
    char since[RFC3339_TEXT_BYTES];

    json_writer_object_begin(json);
    json_writer_key(json, "ready");
    json_writer_boolean(json, reason == NULL);
    json_writer_key(json, "consumer");
    json_writer_text(json, daemon->consumer);
    json_writer_key(json, "reasons");
    json_writer_array_begin(json);
    if (reason != NULL)
        json_writer_text(json, reason);
    json_writer_array_end(json);
    if (daemon->outage.going_on) {
        rfc3339_format(daemon->outage.since_unix_us, since);
        json_writer_key(json, "since");
        json_writer_text(json, since);
        json_writer_key(json, "detail");
        json_writer_text(json, daemon->outage.reason);
    }
    json_writer_object_end(json);
    json_writer_newline(json);
}

static void publish_readiness(struct daemon *daemon)
{
    struct json_writer json = {0};
    const char *reason = hindrance(daemon);

    write_readiness(daemon, reason, &json);
    if (!json.failed)
        http_publish_readiness(daemon->http, reason == NULL, json_writer_slice(&json));
    json_writer_close(&json);
}

static int64_t resident_bytes(void)
{
    long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "re");

    if (statm == NULL)
        return 0;
    if (fscanf(statm, "%*s %ld", &pages) != 1)
        pages = 0;
    fclose(statm);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

static uint64_t after_the_first(uint64_t count)
{
    return count == 0 ? 0 : count - 1;
}

static void collect(const struct daemon *daemon, struct metrics_values *values)
{
    bool away = daemon->outage.going_on;
    enum outage_server server = daemon->outage.server;

    *values = (struct metrics_values){
        .apply = *apply_counters(daemon->apply),
        .pump = daemon->pump.counters,
        .group = *group_counters(daemon->group),
        .acks = *group_acks_counters(daemon->group),
        .claim = *claim_counters(daemon->housekeeping.claim),
        .watermark = daemon->housekeeping.watermark.counters,
        .retries = daemon->retries,
        .redis_reconnects = after_the_first(group_counters(daemon->group)->connects),
        .postgresql_reconnects = after_the_first(daemon->gate.sessions),
        .housekeeping_failures = daemon->housekeeping.failures,
        .shards = daemon->housekeeping.shards,
        .shard_count = daemon->housekeeping.shard_count,
        .redis_up = group_is_connected(daemon->group) && !(away && server == OUTAGE_REDIS),
        .postgresql_up = postgres_is_open(daemon->postgres) && !(away && server == OUTAGE_POSTGRESQL),
        .ready = hindrance(daemon) == NULL,
        .watermark_held = watermark_is_held(&daemon->housekeeping.watermark),
        .last_commit_us = apply_counters(daemon->apply)->last_commit_us,
        .start_us = daemon->start_us,
        .resident_bytes = resident_bytes(),
    };
}

static void publish_metrics(struct daemon *daemon, const struct metrics_values *values)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return;
    metrics_print(values, out);
    if (fclose(out) == 0)
        http_publish_metrics(daemon->http, slice_of(text, size));
    free(text);
}

/* Readiness at once when it changes; everything again a few times a second. */
void daemon_publish(struct daemon *daemon)
{
    struct metrics_values values;
    const char *reason = hindrance(daemon);
    bool due = daemon->clock->monotonic_us(daemon->clock->self) >= daemon->publish_due_us;

    if (!due && reason == daemon->published_reason)
        return;
    daemon->published_reason = reason;
    daemon->publish_due_us = clock_deadline_us(daemon->clock, DAEMON_PUBLISH_MS);
    publish_readiness(daemon);
    collect(daemon, &values);
    publish_metrics(daemon, &values);
}

void daemon_publish_disabled(struct daemon *daemon)
{
    const struct metrics_values values = {
        .ready = 1,
        .start_us = daemon->start_us,
        .resident_bytes = resident_bytes(),
    };

    http_publish_readiness(daemon->http, true, slice_from_text("{\"ready\":true,\"disabled\":true,\"reasons\":[]}\n"));
    publish_metrics(daemon, &values);
}
