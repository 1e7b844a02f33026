#include "replay/web/vitals.h"

#include "proto/resident.h"
#include "replay/web/monitor_inside.h"
#include "replay/web/monitor_metrics.h"
#include "replay/web/reply.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void answer(const struct question *question, unsigned status, const char *type, struct slice body)
{
    const struct server_header headers[] = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}};
    const struct server_answer answer = {
        .status = status, .type = type, .body = body, .headers = headers, .header_count = 2};

    server_answer(question->exchange, &answer);
}

void vitals_serve_livez(const struct question *question)
{
    answer(question, REPLY_OK, "text/plain; charset=utf-8", slice_from_text("live\n"));
}

/* ---- ready? ------------------------------------------------------------------------------------------------------ */

void vitals_serve_readyz(const struct question *question)
{
    struct json_writer json = {.text = NULL};
    struct pulse_view view;

    pulse_view(question->monitor->pulse, &view);
    bool is_away = !view.postgresql.is_up || (view.redis.was_asked && !view.redis.is_up);
    json_writer_object_begin(&json);
    json_writer_key(&json, "ready");
    json_writer_boolean(&json, !is_away);
    json_writer_key(&json, "reasons");
    json_writer_array_begin(&json);
    if (!view.postgresql.was_asked)
        json_writer_text(&json, "starting");
    else if (!view.postgresql.is_up)
        json_writer_text(&json, pulse_postgresql_fault(&view));
    if (view.redis.was_asked && !view.redis.is_up)
        json_writer_text(&json, "redis_away");
    json_writer_array_end(&json);
    json_writer_object_end(&json);
    json_writer_newline(&json);
    answer(question, is_away ? REPLY_UNAVAILABLE : REPLY_OK, "application/json", json_writer_slice(&json));
    json_writer_close(&json);
}

/* ---- metrics ----------------------------------------------------------------------------------------------------- */

static void read_servers(struct monitor *monitor, struct monitor_metrics_values *values)
{
    struct pulse_view view;

    pulse_view(monitor->pulse, &view);
    values->redis_up = view.redis.was_asked ? view.redis.is_up : -1;
    values->postgresql_up = view.postgresql.was_asked ? view.postgresql.is_up : -1;
    values->stream_entries = view.length;
    values->group_lag = view.lag;
    values->group_pending = view.pending;
    values->oldest_us = isnan(view.oldest_s) ? -1 : (int64_t)(view.oldest_s * 1e6);
}

static void read_values(const struct question *question, struct monitor_metrics_values *values)
{
    struct monitor *monitor = question->monitor;

    counts_view(&monitor->counts, &values->counts);
    workers_count(monitor->workers, &values->workers);
    values->connections = server_connections(question->exchange);
    values->connections_max = monitor->settings->connections;
    values->streams_max = monitor->hub == NULL ? -1 : monitor->streams_max;
    values->feed_reading = -1;
    if (monitor->hub != NULL) {
        feed_hub_count(monitor->hub, &values->feed);
        values->feed_reading = values->feed.is_reading;
    }
    read_servers(monitor, values);
    values->start_us = monitor->started_us;
    values->resident_bytes = resident_bytes();
}

void vitals_serve_metrics(const struct question *question)
{
    struct monitor_metrics_values values = {.connections = -1};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        reply_error(question->exchange, REPLY_UNAVAILABLE, "memory is short");
        return;
    }
    read_values(question, &values);
    monitor_metrics_print(&values, out);
    if (fclose(out) == 0)
        answer(question, REPLY_OK, "text/plain; version=0.0.4; charset=utf-8", slice_of(text, size));
    else
        reply_error(question->exchange, REPLY_UNAVAILABLE, "memory is short");
    free(text);
}
