#include "replay/web/monitor_metrics.h"

#include "proto/exposition.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

enum metric_kind {
    METRIC_COUNTER,  /* uint64_t */
    METRIC_SIZE,     /* uint64_t, which may fall again: a gauge */
    METRIC_GAUGE,    /* int64_t; below 0 it is not known, and not printed */
    METRIC_SECONDS,  /* int64_t microseconds, read as seconds; below 0 not printed */
    METRIC_TIME,     /* int64_t Unix microseconds, read as seconds; 0 is not printed */
    METRIC_STATUSES, /* uint64_t[COUNTS_STATUSES]: a counter with a status */
    METRIC_DELAY,    /* struct histogram of microseconds, read as seconds */
    METRIC_BUILD,    /* 1, with the version */
};

struct metric {
    const char *name;
    enum metric_kind kind;
    size_t offset;
    const char *help;
};

#define AT(member) offsetof(struct monitor_metrics_values, member)

/* clang-format off */
static const struct metric metrics[] = {
    {"taskledger_monitor_requests_total", METRIC_STATUSES, AT(counts.answers),
     "Requests answered, by status; those that are too malformed to be asked are answered by the HTTP library and not "
     "counted."},
    {"taskledger_monitor_request_duration_seconds", METRIC_DELAY, AT(counts.answered_us),
     "Time from when a request's head had come to its answer; with a stream of events to its beginning."},
    {"taskledger_monitor_sign_ins_refused_total", METRIC_COUNTER, AT(counts.sign_ins_refused),
     "Forms for signing in with a token that is not the one."},
    {"taskledger_monitor_connections", METRIC_GAUGE, AT(connections),
     "Connections open now, those of streams too."},
    {"taskledger_monitor_connections_max", METRIC_GAUGE, AT(connections_max),
     "How many there may be."},
    {"taskledger_monitor_questions_waiting", METRIC_SIZE, AT(workers.waiting),
     "Questions that wait for a session with PostgreSQL."},
    {"taskledger_monitor_questions_answered_total", METRIC_COUNTER, AT(workers.done),
     "Questions that had their turn with PostgreSQL, whatever it said."},
    {"taskledger_monitor_questions_turned_away_total", METRIC_COUNTER, AT(workers.turned_away),
     "Questions refused since too many waited, or given up since they had waited for too long."},
    {"taskledger_monitor_streams", METRIC_SIZE, AT(feed.guests),
     "Streams of events open now (/api/events)."},
    {"taskledger_monitor_streams_max", METRIC_GAUGE, AT(streams_max),
     "How many there may be."},
    {"taskledger_monitor_streams_catching_up", METRIC_SIZE, AT(feed.catching_up),
     "Of these, those that are still told what they missed."},
    {"taskledger_monitor_streams_total", METRIC_COUNTER, AT(feed.joined),
     "Streams of events begun."},
    {"taskledger_monitor_streams_reset_total", METRIC_COUNTER, AT(feed.resets),
     "Streams that were told to begin anew, and ended."},
    {"taskledger_monitor_streams_slow_total", METRIC_COUNTER, AT(feed.slow),
     "Of these, those of clients that did not keep up."},
    {"taskledger_monitor_feed_entries_total", METRIC_COUNTER, AT(feed.entries),
     "Entries read from the Redis streams, once for all who look on."},
    {"taskledger_monitor_feed_events_total", METRIC_COUNTER, AT(feed.events),
     "Events of tasks among them, for whoever looks on."},
    {"taskledger_monitor_feed_position_timestamp_seconds", METRIC_TIME, AT(feed.newest_us),
     "The time in the ID of the newest entry that was read; of the stream's end when reading began."},
    {"taskledger_monitor_feed_reading", METRIC_GAUGE, AT(feed_reading),
     "1 while the feed reads the streams."},
    {"taskledger_monitor_stream_entries", METRIC_GAUGE, AT(stream_entries),
     "Entries in the Redis streams, over all shards."},
    {"taskledger_monitor_group_lag", METRIC_GAUGE, AT(group_lag),
     "Entries not yet given to the group of --group, over all shards: an estimate unless 0."},
    {"taskledger_monitor_group_pending", METRIC_GAUGE, AT(group_pending),
     "Entries given to it and not yet settled."},
    {"taskledger_monitor_group_oldest_seconds", METRIC_SECONDS, AT(oldest_us),
     "Age of the oldest entry that it has not settled, by Redis' clock; 0 when it has settled all."},
    {"taskledger_monitor_redis_up", METRIC_GAUGE, AT(redis_up),
     "1 while Redis answers as it should."},
    {"taskledger_monitor_postgresql_up", METRIC_GAUGE, AT(postgresql_up),
     "1 while PostgreSQL answers as it should."},
    {"taskledger_build_info", METRIC_BUILD, 0,
     "1, with the version."},
    {"process_resident_memory_bytes", METRIC_GAUGE, AT(resident_bytes),
     "Resident memory of the process."},
    {"process_start_time_seconds", METRIC_TIME, AT(start_us),
     "When the process started, in Unix time."},
};
/* clang-format on */

enum { METRICS = sizeof metrics / sizeof *metrics };

static const char *type_of(enum metric_kind kind)
{
    switch (kind) {
    case METRIC_COUNTER:
    case METRIC_STATUSES:
        return "counter";
    case METRIC_DELAY:
        return "histogram";
    case METRIC_SIZE:
    case METRIC_GAUGE:
    case METRIC_SECONDS:
    case METRIC_TIME:
    case METRIC_BUILD:
        return "gauge";
    }
    return "untyped";
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static void print_statuses(const struct metric *metric, const uint64_t counts[COUNTS_STATUSES], FILE *out)
{
    for (size_t i = 0; i < COUNTS_STATUSES - 1; i++)
        fprintf(out, "%s{status=\"%u\"} %" PRIu64 "\n", metric->name, counts_statuses[i], counts[i]);
    fprintf(out, "%s{status=\"other\"} %" PRIu64 "\n", metric->name, counts[COUNTS_STATUSES - 1]);
}

static void print_seconds(const struct metric *metric, int64_t microseconds, FILE *out)
{
    fprintf(out, "%s ", metric->name);
    exposition_time(microseconds, out);
}

static void print_values(const struct metric *metric, const struct monitor_metrics_values *values, FILE *out)
{
    const void *at = (const char *)values + metric->offset;

    switch (metric->kind) {
    case METRIC_COUNTER:
    case METRIC_SIZE:
        fprintf(out, "%s %" PRIu64 "\n", metric->name, *(const uint64_t *)at);
        break;
    case METRIC_GAUGE:
        if (*(const int64_t *)at >= 0)
            fprintf(out, "%s %" PRId64 "\n", metric->name, *(const int64_t *)at);
        break;
    case METRIC_SECONDS:
        if (*(const int64_t *)at >= 0)
            print_seconds(metric, *(const int64_t *)at, out);
        break;
    case METRIC_TIME:
        if (*(const int64_t *)at > 0)
            print_seconds(metric, *(const int64_t *)at, out);
        break;
    case METRIC_STATUSES:
        print_statuses(metric, at, out);
        break;
    case METRIC_DELAY:
        histogram_print(at, &histogram_delay_us, metric->name, out);
        break;
    case METRIC_BUILD:
        fprintf(out, "%s{version=\"" TASKLEDGER_VERSION "\"} 1\n", metric->name);
        break;
    }
}

void monitor_metrics_print(const struct monitor_metrics_values *values, FILE *out)
{
    for (size_t i = 0; i < METRICS; i++) {
        exposition_describe(metrics[i].name, type_of(metrics[i].kind), metrics[i].help, out);
        print_values(&metrics[i], values, out);
    }
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static const char *labels_of(enum metric_kind kind)
{
    if (kind == METRIC_STATUSES)
        return "`status`";
    return kind == METRIC_BUILD ? "`version`" : "";
}

void monitor_metrics_print_markdown(FILE *out)
{
    fprintf(out, "| metric | type | labels | what it tells |\n|---|---|---|---|\n");
    for (size_t i = 0; i < METRICS; i++)
        fprintf(out, "| `%s` | %s | %s | %s |\n", metrics[i].name, type_of(metrics[i].kind), labels_of(metrics[i].kind),
                metrics[i].help);
}
