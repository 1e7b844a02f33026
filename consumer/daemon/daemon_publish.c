/* What is shown: readiness, and the numbers of /metrics. */
#include "consumer/daemon/daemon.h"

#include "consumer/daemon/metrics.h"
#include "proto/json_writer.h"
#include "proto/resident.h"
#include "proto/rfc3339.h"

#include <stdio.h>
#include <stdlib.h>

enum { DETAIL_BYTES_MAX = 2 * ERROR_TEXT_MAX + 4 };

static void add_reason(struct daemon_reasons *reasons, const char *word)
{
    reasons->words[reasons->count++] = word;
}

static struct daemon_reasons why_not_ready(const struct daemon *daemon)
{
    struct daemon_reasons reasons = {.count = 0};

    if (*daemon->stop)
        add_reason(&reasons, "stopping");
    if (daemon->redis_outage.going_on)
        add_reason(&reasons, daemon->redis_outage.name);
    if (daemon->postgresql_outage.going_on)
        add_reason(&reasons, daemon->postgresql_outage.name);
    if (reasons.count == 0 && !daemon->has_turned)
        add_reason(&reasons, "starting");
    return reasons;
}

static bool are_equal(const struct daemon_reasons *a, const struct daemon_reasons *b)
{
    bool equal = a->count == b->count;

    for (size_t i = 0; equal && i < a->count; i++)
        equal = a->words[i] == b->words[i];
    return equal;
}

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

/* Since when a server is away, and what the log says of it. */
static void write_outages(const struct outage *redis, const struct outage *postgresql, struct json_writer *json)
{
    int64_t redis_us = redis->going_on ? redis->since_unix_us : INT64_MAX;
    int64_t postgresql_us = postgresql->going_on ? postgresql->since_unix_us : INT64_MAX;
    char since[RFC3339_TEXT_BYTES];
    char detail[DETAIL_BYTES_MAX];

    if (!redis->going_on && !postgresql->going_on)
        return;
    rfc3339_format(earlier(redis_us, postgresql_us), since);
    snprintf(detail, sizeof detail, "%s%s%s", redis->going_on ? redis->latest.text : "",
             redis->going_on && postgresql->going_on ? "; " : "", postgresql->going_on ? postgresql->latest.text : "");
    json_writer_key(json, "since");
    json_writer_text(json, since);
    json_writer_key(json, "detail");
    json_writer_text(json, detail);
}

/* What somebody should know, and that is no reason to take this consumer out: another's group, for one. */
static void write_notes(const struct daemon *daemon, struct json_writer *json)
{
    char note[CENSUS_NAME_MAX + 64];

    if (daemon->blocker[0] == '\0')
        return;
    snprintf(note, sizeof note, "trimming held back by group \"%s\"", daemon->blocker);
    json_writer_key(json, "notes");
    json_writer_array_begin(json);
    json_writer_text(json, note);
    json_writer_array_end(json);
}

static void write_readiness(const struct daemon *daemon, const struct daemon_reasons *reasons, struct json_writer *json)
{
    json_writer_object_begin(json);
    json_writer_key(json, "ready");
    json_writer_boolean(json, reasons->count == 0);
    json_writer_key(json, "consumer");
    json_writer_text(json, daemon->consumer);
    json_writer_key(json, "reasons");
    json_writer_array_begin(json);
    for (size_t i = 0; i < reasons->count; i++)
        json_writer_text(json, reasons->words[i]);
    json_writer_array_end(json);
    write_outages(&daemon->redis_outage, &daemon->postgresql_outage, json);
    write_notes(daemon, json);
    json_writer_object_end(json);
    json_writer_newline(json);
}

static void publish_readiness(struct daemon *daemon, const struct daemon_reasons *reasons)
{
    struct json_writer json = {0};

    write_readiness(daemon, reasons, &json);
    if (!json.failed)
        http_publish_readiness(daemon->http, reasons->count == 0, json_writer_slice(&json));
    json_writer_close(&json);
}

/* The same in a line, for who asks the service manager. */
static void publish_status(struct daemon *daemon, const struct daemon_reasons *reasons)
{
    const char *words[DAEMON_REASONS_MAX] = {"", "", ""};

    for (size_t i = 0; i < reasons->count; i++)
        words[i] = reasons->words[i];
    if (reasons->count == 0)
        manager_status(&daemon->manager, "ready, as %s", daemon->consumer);
    else
        manager_status(&daemon->manager, "not ready: %s%s%s%s%s", words[0], reasons->count > 1 ? ", " : "", words[1],
                       reasons->count > 2 ? ", " : "", words[2]);
}

static uint64_t after_the_first(uint64_t count)
{
    return count == 0 ? 0 : count - 1;
}

static void collect(const struct daemon *daemon, struct metrics_values *values)
{
    const struct stuck *stuck = &daemon->housekeeping.stuck;

    *values = (struct metrics_values){
        .apply = *apply_counters(daemon->apply),
        .pump = daemon->pump.counters,
        .group = *group_counters(daemon->group),
        .acks = *group_acks_counters(daemon->group),
        .claim = *claim_counters(daemon->housekeeping.claim),
        .watermark = daemon->housekeeping.watermark.counters,
        .gaps = daemon->housekeeping.gaps.counters,
        .heads = daemon->housekeeping.heads.counters,
        .suspects = *suspects_counters(daemon->suspects),
        .ledger_went_back =
            daemon->housekeeping.setback.counters.went_back + daemon->housekeeping.retrace.counters.went_back,
        .retraced = daemon->housekeeping.retrace.counters.walked,
        .retries = daemon->retries,
        .shards_read = (int64_t)group_shards_read(daemon->group),
        .redis_reconnects = group_counters(daemon->group)->reconnects,
        .postgresql_reconnects = after_the_first(daemon->gate.sessions),
        .housekeeping_failures = daemon->housekeeping.failures,
        .shards = daemon->housekeeping.shards,
        .shard_count = daemon->housekeeping.shard_count,
        .redis_up = outage_is_up(&daemon->redis_outage),
        .postgresql_up = outage_is_up(&daemon->postgresql_outage),
        .ready = why_not_ready(daemon).count == 0,
        .trimmed = daemon->housekeeping.upkeep.trim.entries,
        .stray_unsettled = upkeep_stray_unsettled(&daemon->housekeeping.upkeep),
        .stream_bytes = upkeep_stream_bytes(&daemon->housekeeping.upkeep),
        .stream_budget_bytes = daemon->housekeeping.upkeep.trim.budget_bytes,
        .forgotten = daemon->housekeeping.upkeep.forget.fields,
        .census = &daemon->housekeeping.upkeep.census,
        .groups = daemon->housekeeping.upkeep.census.groups > 0 ? daemon->housekeeping.upkeep.census.groups : -1,
        .trim_blocked = upkeep_blocker(&daemon->housekeeping.upkeep) != NULL,
        .redis_memory_used_bytes = daemon->housekeeping.upkeep.memory.used_bytes,
        .redis_memory_max_bytes = daemon->housekeeping.upkeep.memory.max_bytes,
        .stuck_tasks = stuck->is_known ? stuck->tasks : -1,
        .stuck_tasks_us = stuck->is_known ? stuck->at_us : 0,
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
    struct daemon_reasons reasons = why_not_ready(daemon);
    bool due = daemon->clock->monotonic_us(daemon->clock->self) >= daemon->publish_due_us;

    if (!due && are_equal(&reasons, &daemon->published))
        return;
    daemon->published = reasons;
    daemon->publish_due_us = clock_deadline_us(daemon->clock, DAEMON_PUBLISH_MS);
    publish_readiness(daemon, &reasons);
    publish_status(daemon, &reasons);
    collect(daemon, &values);
    publish_metrics(daemon, &values);
}

void daemon_publish_disabled(struct daemon *daemon)
{
    const struct metrics_values values = {
        .ready = 1,
        .stray_unsettled = -1,
        .stream_bytes = -1,
        .stream_budget_bytes = -1,
        .groups = -1,
        .stuck_tasks = -1,
        .redis_memory_used_bytes = -1,
        .redis_memory_max_bytes = -1,
        .start_us = daemon->start_us,
        .resident_bytes = resident_bytes(),
    };

    http_publish_readiness(daemon->http, true, slice_from_text("{\"ready\":true,\"disabled\":true,\"reasons\":[]}\n"));
    manager_status(&daemon->manager, "switched off by TASKLEDGER_ENABLED=0");
    publish_metrics(daemon, &values);
}
