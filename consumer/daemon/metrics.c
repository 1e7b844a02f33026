#include "consumer/daemon/metrics.h"

#include "proto/exposition.h"
#include "proto/status.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

enum metric_kind {
    METRIC_COUNTER, /* uint64_t */
    METRIC_GAUGE,   /* int64_t; below 0 it is not known, and not printed */
    METRIC_TIME,    /* int64_t Unix microseconds, read as seconds; 0 is not printed */
    METRIC_TALLY,   /* struct tally: a counter with a reason */
    METRIC_REASONS, /* uint64_t[APPLY_REASONS]: the same */
    METRIC_STATUS,  /* uint64_t[STATUS_COUNT]: a counter with a status */
    METRIC_LOSSES,  /* int64_t[LOSS_KINDS]: a gauge with a kind */
    METRIC_GROUPS,  /* int64_t in struct census_row: a gauge with a group */
    METRIC_SHARDS,  /* int64_t in struct survey_shard: a gauge with a shard */
    METRIC_DELAY,   /* struct histogram of microseconds, read as seconds */
    METRIC_SIZE,    /* struct histogram of entries */
    METRIC_BUILD,   /* 1, with the version */
};

struct metric {
    const char *name;
    enum metric_kind kind;
    size_t offset;
    const char *labels; /* fixed ones; NULL: none. Rows of one name stand together, the first has the help */
    const char *help;
};

#define AT(member)       offsetof(struct metrics_values, member)
#define AT_SHARD(member) offsetof(struct survey_shard, member)
#define AT_GROUP(member) offsetof(struct census_row, member)

/* clang-format off */
static const struct metric metrics[] = {
    {"taskledger_consumer_events_applied_total", METRIC_COUNTER, AT(apply.events), NULL,
     "Events stored in the ledger."},
    {"taskledger_consumer_task_events_total", METRIC_STATUS, AT(apply.statuses), NULL,
     "Of these, what was said of tasks, by status. Each end that a task was given counts, also one that a greater attempt "
     "or a later word replaced."},
    {"taskledger_consumer_duplicates_total", METRIC_COUNTER, AT(apply.duplicates), NULL,
     "Events that came again and were in the ledger already, with the same bytes."},
    {"taskledger_late_events_total", METRIC_COUNTER, AT(apply.late), NULL,
     "Events of producers that were pruned before: held and not stored."},
    {"taskledger_consumer_rejected_total", METRIC_REASONS, AT(apply.rejected), NULL,
     "Entries set aside in rejected_event, by reason."},
    {"taskledger_consumer_deleted_total", METRIC_COUNTER, AT(apply.deleted), NULL,
     "Entries that somebody deleted from the stream before they were applied; listed in loss."},
    {"taskledger_consumer_declared_dropped_total", METRIC_COUNTER, AT(apply.dropped), NULL,
     "Events that their producers declared as dropped: they had no room, or lost their spool. Their numbers never come, and "
     "are no gaps; taskledger-replay gaps lists them."},
    {"taskledger_consumer_suspects_total", METRIC_COUNTER, AT(suspects.together), "tried=\"together\"",
     "Entries delivered so often that they may be what ends consumers, as they were tried: together with others, or alone."},
    {"taskledger_consumer_suspects_total", METRIC_COUNTER, AT(suspects.alone), "tried=\"alone\"", NULL},
    {"taskledger_consumer_batches_total", METRIC_COUNTER, AT(pump.batches), NULL,
     "Batches committed and acknowledged."},
    {"taskledger_consumer_batch_events", METRIC_SIZE, AT(group.batch_entries), NULL,
     "Entries of a batch."},
    {"taskledger_consumer_batches_bisected_total", METRIC_COUNTER, AT(pump.bisected), NULL,
     "Batches cut in two, since PostgreSQL refused something in them."},
    {"taskledger_consumer_batches_halved_total", METRIC_COUNTER, AT(pump.halved), NULL,
     "Times that less was applied at once from then on, since it had taken longer than PostgreSQL or we wait."},
    {"taskledger_consumer_batches_looked_up_total", METRIC_COUNTER, AT(apply.looked_up), NULL,
     "Batches looked up in the ledger before they were copied, since some of it was there."},
    {"taskledger_consumer_event_delay_seconds", METRIC_DELAY, AT(apply.delay_us), NULL,
     "Time from when an event occurred, by the clock of who said it, to its commit."},
    {"taskledger_consumer_last_commit_timestamp_seconds", METRIC_TIME, AT(last_commit_us), NULL,
     "When a batch was last committed, in Unix time."},
    {"taskledger_consumer_delivered_total", METRIC_COUNTER, AT(group.delivered), NULL,
     "Entries that Redis gave to this consumer, those given again too."},
    {"taskledger_consumer_acked_total", METRIC_COUNTER, AT(acks.acked), NULL,
     "Entries acknowledged, as Redis counted them."},
    {"taskledger_consumer_acks_unknown_total", METRIC_COUNTER, AT(acks.unknown), NULL,
     "Entries acknowledged that were not pending any more: another consumer had taken them over."},
    {"taskledger_consumer_claimed_total", METRIC_COUNTER, AT(claim.dead), "from=\"dead\"",
     "Entries taken over: from consumers that are gone, or that had left them lying."},
    {"taskledger_consumer_claimed_total", METRIC_COUNTER, AT(claim.idle), "from=\"idle\"", NULL},
    {"taskledger_consumer_sessions_ended_total", METRIC_COUNTER, AT(claim.ended), NULL,
     "Sessions with PostgreSQL of frozen consumers that this one ended, since they held locks."},
    {"taskledger_consumer_retired_total", METRIC_COUNTER, AT(claim.retired), NULL,
     "Names of consumers that are gone, with nothing pending, that this one removed from the group."},
    {"taskledger_consumer_refreshed_total", METRIC_COUNTER, AT(claim.refreshed), NULL,
     "Own entries refreshed, since applying the answer they came in takes long."},
    {"taskledger_consumer_groups_lost_total", METRIC_COUNTER, AT(group.groups_lost), NULL,
     "Times that Redis no longer knew the group, or the stream, and this consumer made it again."},
    {"taskledger_consumer_groups_made_total", METRIC_COUNTER, AT(group.groups_made), NULL,
     "Groups made, each from the beginning of its stream."},
    {"taskledger_consumer_reconnects_total", METRIC_COUNTER, AT(redis_reconnects), "server=\"redis\"",
     "Connections made after the first one."},
    {"taskledger_consumer_reconnects_total", METRIC_COUNTER, AT(postgresql_reconnects), "server=\"postgresql\"", NULL},
    {"taskledger_consumer_shards_read", METRIC_GAUGE, AT(shards_read), NULL,
     "Shards that this consumer is connected to read. In a Redis Cluster they are spread over the group: the sum is the "
     "number of shards at least."},
    {"taskledger_consumer_lanes_lost_total", METRIC_COUNTER, AT(group.lanes_lost), NULL,
     "In a Redis Cluster, connections to the node of a shard that failed while others were read on."},
    {"taskledger_consumer_retries_total", METRIC_TALLY, AT(retries), NULL,
     "Turns that failed and were tried again, by reason."},
    {"taskledger_consumer_housekeeping_failures_total", METRIC_COUNTER, AT(housekeeping_failures), NULL,
     "Rounds of housekeeping (watermark, claims, survey) that failed."},
    {"taskledger_consumer_watermark_told_total", METRIC_COUNTER, AT(watermark.told), NULL,
     "Watermarks told to producers."},
    {"taskledger_consumer_watermark_runs_total", METRIC_COUNTER, AT(watermark.runs), NULL,
     "Ranges of numbers folded into the watermarks."},
    {"taskledger_consumer_watermark_held", METRIC_GAUGE, AT(watermark_held), NULL,
     "1 in the one consumer of the group that folds and tells watermarks."},
    {"taskledger_consumer_losses_total", METRIC_COUNTER, AT(gaps.detected), "kind=\"gap\"",
     "Rows written to loss, by kind."},
    {"taskledger_consumer_losses_total", METRIC_COUNTER, AT(apply.deleted), "kind=\"deleted_while_pending\"", NULL},
    {"taskledger_consumer_losses_total", METRIC_COUNTER, AT(heads.went_back), "kind=\"stream_went_back\"", NULL},
    {"taskledger_consumer_losses_total", METRIC_COUNTER, AT(ledger_went_back), "kind=\"ledger_went_back\"", NULL},
    {"taskledger_consumer_retraced_total", METRIC_COUNTER, AT(retraced), NULL,
     "Entries walked through after a new session with PostgreSQL began, to see whether it holds what was settled."},
    {"taskledger_consumer_losses_repaired_total", METRIC_COUNTER, AT(gaps.repaired), "kind=\"gap\"",
     "Rows of loss of which something came after all."},
    {"taskledger_losses_open", METRIC_LOSSES, AT(gaps.open), NULL,
     "Rows of loss that were not repaired, as the consumer that holds the watermark sees them; 0 in the others."},
    {"taskledger_stuck_tasks", METRIC_GAUGE, AT(stuck_tasks), NULL,
     "Tasks RUNNING or in RETRY of which nothing was heard for five minutes, as the consumer that holds the watermark counted "
     "them; taskledger-replay stuck lists them."},
    {"taskledger_stuck_tasks_timestamp_seconds", METRIC_TIME, AT(stuck_tasks_us), NULL,
     "When it began to count them, in Unix time: it goes through a few megabytes of the table at a time."},
    {"taskledger_consumer_ready", METRIC_GAUGE, AT(ready), NULL,
     "1 while /readyz says so."},
    {"taskledger_stream_length", METRIC_SHARDS, AT_SHARD(length), NULL,
     "Entries in the stream."},
    {"taskledger_group_lag", METRIC_SHARDS, AT_SHARD(lag), NULL,
     "Entries not yet given to any consumer of the group. Exact when 0 and as long as nothing was trimmed, an estimate "
     "otherwise, never above the length."},
    {"taskledger_group_pending", METRIC_SHARDS, AT_SHARD(pending), NULL,
     "Entries given to some consumer of the group and not yet acknowledged."},
    {"taskledger_stream_groups", METRIC_GAUGE, AT(groups), NULL,
     "Groups that read the stream, ours too. This one and the next four are told by the consumer that holds the "
     "watermark; groups beyond the 16th are only counted."},
    {"taskledger_stream_group_unsettled", METRIC_GROUPS, AT_GROUP(unsettled), NULL,
     "Entries that the group was not given or has not acknowledged, over all shards. An estimate unless 0."},
    {"taskledger_stream_group_pending", METRIC_GROUPS, AT_GROUP(pending), NULL,
     "Entries given to some consumer of the group and not yet acknowledged, over all shards."},
    {"taskledger_stream_group_oldest_seconds", METRIC_GROUPS, AT_GROUP(oldest_s), NULL,
     "Age of the oldest entry that the group has not settled, by Redis' clock; 0 when it has settled all."},
    {"taskledger_stream_group_holds_back", METRIC_GROUPS, AT_GROUP(holds_back), NULL,
     "Entries that the group keeps from being trimmed: all from its oldest unsettled one on to where the furthest group "
     "is. An estimate, as if entries had come at an even pace between the places that Redis knows."},
    {"taskledger_consumer_trimmed_total", METRIC_COUNTER, AT(trimmed), NULL,
     "Entries that this consumer trimmed, each settled by every group."},
    {"taskledger_trim_blocked", METRIC_GAUGE, AT(trim_blocked), NULL,
     "1 while some group has left an entry unsettled for a minute longer than settled ones are kept, or for 11 minutes: the "
     "stream grows."},
    {"taskledger_stray_unsettled", METRIC_GAUGE, AT(stray_unsettled), NULL,
     "Entries that some group has not settled in keys that the stream had with another number of shards: nobody reads them."},
    {"taskledger_stream_bytes", METRIC_GAUGE, AT(stream_bytes), NULL,
     "Memory of Redis that all shards of the stream take, as Redis estimates it and the consumer that trims sees it."},
    {"taskledger_stream_budget_bytes", METRIC_GAUGE, AT(stream_budget_bytes), NULL,
     "What they may take before settled entries go sooner than after --retain."},
    {"taskledger_consumer_watermarks_removed_total", METRIC_COUNTER, AT(forgotten), NULL,
     "Watermarks removed from Redis, of producers that have been closed and whole for a day, or were born 9 days ago and have "
     "been silent for a day."},
    {"taskledger_redis_memory_used_bytes", METRIC_GAUGE, AT(redis_memory_used_bytes), NULL,
     "Memory that Redis uses, as the consumer that holds the watermark sees it; above 80 % of the maximum nothing that is "
     "settled is kept."},
    {"taskledger_redis_memory_max_bytes", METRIC_GAUGE, AT(redis_memory_max_bytes), NULL,
     "Its maxmemory; 0: no limit."},
    {"taskledger_redis_up", METRIC_GAUGE, AT(redis_up), NULL,
     "1 while Redis answers as it should."},
    {"taskledger_postgresql_up", METRIC_GAUGE, AT(postgresql_up), NULL,
     "1 while PostgreSQL answers as it should."},
    {"taskledger_build_info", METRIC_BUILD, 0, "version=\"" TASKLEDGER_VERSION "\"",
     "1, with the version."},
    {"process_resident_memory_bytes", METRIC_GAUGE, AT(resident_bytes), NULL,
     "Resident memory of the process."},
    {"process_start_time_seconds", METRIC_TIME, AT(start_us), NULL,
     "When the process started, in Unix time."},
};
/* clang-format on */

enum { METRICS = sizeof metrics / sizeof *metrics };

static const char *type_of(enum metric_kind kind)
{
    switch (kind) {
    case METRIC_COUNTER:
    case METRIC_TALLY:
    case METRIC_REASONS:
    case METRIC_STATUS:
        return "counter";
    case METRIC_GAUGE:
    case METRIC_TIME:
    case METRIC_LOSSES:
    case METRIC_GROUPS:
    case METRIC_SHARDS:
    case METRIC_BUILD:
        return "gauge";
    case METRIC_DELAY:
    case METRIC_SIZE:
        return "histogram";
    }
    return "untyped";
}

/* The label that values of this kind come with, besides the fixed ones. */
static const char *label_of(enum metric_kind kind)
{
    switch (kind) {
    case METRIC_TALLY:
    case METRIC_REASONS:
        return "reason";
    case METRIC_STATUS:
        return "status";
    case METRIC_LOSSES:
        return "kind";
    case METRIC_GROUPS:
        return "group";
    case METRIC_SHARDS:
        return "shard";
    case METRIC_COUNTER:
    case METRIC_GAUGE:
    case METRIC_TIME:
    case METRIC_DELAY:
    case METRIC_SIZE:
    case METRIC_BUILD:
        return NULL;
    }
    return NULL;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static void print_tally(const struct metric *metric, const struct tally *tally, FILE *out)
{
    for (size_t i = 0; i < tally->count; i++)
        fprintf(out, "%s{reason=\"%s\"} %" PRIu64 "\n", metric->name, tally->rows[i].word, tally->rows[i].count);
}

static void print_reasons(const struct metric *metric, const uint64_t counts[APPLY_REASONS], FILE *out)
{
    for (size_t i = 0; i < APPLY_REASONS; i++)
        fprintf(out, "%s{reason=\"%s\"} %" PRIu64 "\n", metric->name, apply_reason_names[i], counts[i]);
}

static void print_statuses(const struct metric *metric, const uint64_t counts[STATUS_COUNT], FILE *out)
{
    for (enum status status = STATUS_PENDING; status <= STATUS_CANCELLED; status++)
        fprintf(out, "%s{status=\"%s\"} %" PRIu64 "\n", metric->name, status_name(status), counts[status]);
}

static void print_losses(const struct metric *metric, const int64_t counts[LOSS_KINDS], FILE *out)
{
    for (size_t i = 0; i < LOSS_KINDS; i++)
        fprintf(out, "%s{kind=\"%s\"} %" PRId64 "\n", metric->name, loss_kind_names[i], counts[i]);
}

static void print_shards(const struct metric *metric, const struct metrics_values *values, FILE *out)
{
    for (unsigned shard = 0; shard < values->shard_count; shard++) {
        int64_t value;

        memcpy(&value, (const char *)&values->shards[shard] + metric->offset, sizeof value);
        fprintf(out, "%s{shard=\"%u\"} %" PRId64 "\n", metric->name, shard, value);
    }
}

static void print_groups(const struct metric *metric, const struct census *census, FILE *out)
{
    for (size_t i = 0; census != NULL && i < census->count; i++) {
        int64_t value;

        memcpy(&value, (const char *)&census->rows[i] + metric->offset, sizeof value);
        fprintf(out, "%s{group=\"", metric->name);
        exposition_label(slice_from_text(census->rows[i].name), out);
        fprintf(out, "\"} %" PRId64 "\n", value);
    }
}

/* The name with its fixed labels. */
static void print_name(const struct metric *metric, FILE *out)
{
    if (metric->labels == NULL)
        fprintf(out, "%s ", metric->name);
    else
        fprintf(out, "%s{%s} ", metric->name, metric->labels);
}

static void print_time(const struct metric *metric, int64_t unix_us, FILE *out)
{
    if (unix_us == 0)
        return;
    print_name(metric, out);
    exposition_time(unix_us, out);
}

static void print_values(const struct metric *metric, const struct metrics_values *values, FILE *out)
{
    const void *at = (const char *)values + metric->offset;

    switch (metric->kind) {
    case METRIC_COUNTER:
        print_name(metric, out);
        fprintf(out, "%" PRIu64 "\n", *(const uint64_t *)at);
        break;
    case METRIC_GAUGE:
        if (*(const int64_t *)at < 0)
            break;
        print_name(metric, out);
        fprintf(out, "%" PRId64 "\n", *(const int64_t *)at);
        break;
    case METRIC_TIME:
        print_time(metric, *(const int64_t *)at, out);
        break;
    case METRIC_TALLY:
        print_tally(metric, at, out);
        break;
    case METRIC_REASONS:
        print_reasons(metric, at, out);
        break;
    case METRIC_STATUS:
        print_statuses(metric, at, out);
        break;
    case METRIC_LOSSES:
        print_losses(metric, at, out);
        break;
    case METRIC_GROUPS:
        print_groups(metric, values->census, out);
        break;
    case METRIC_SHARDS:
        print_shards(metric, values, out);
        break;
    case METRIC_DELAY:
        histogram_print(at, &histogram_delay_us, metric->name, out);
        break;
    case METRIC_SIZE:
        histogram_print(at, &histogram_batch_entries, metric->name, out);
        break;
    case METRIC_BUILD:
        print_name(metric, out);
        fprintf(out, "1\n");
        break;
    }
}

void metrics_print(const struct metrics_values *values, FILE *out)
{
    for (size_t i = 0; i < METRICS; i++) {
        const struct metric *metric = &metrics[i];

        if (metric->help != NULL)
            exposition_describe(metric->name, type_of(metric->kind), metric->help, out);
        print_values(metric, values, out);
    }
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

/* The labels of a metric: those of its kind, or the fixed ones of all its rows. */
static void print_labels(size_t first, FILE *out)
{
    const char *label = label_of(metrics[first].kind);

    if (label != NULL)
        fprintf(out, "`%s`", label);
    if (metrics[first].kind == METRIC_BUILD) {
        fprintf(out, "`version`");
        return;
    }
    for (size_t i = first; i < METRICS && strcmp(metrics[i].name, metrics[first].name) == 0; i++)
        if (metrics[i].labels != NULL)
            fprintf(out, "%s`%s`", i == first ? "" : ", ", metrics[i].labels);
}

void metrics_print_markdown(FILE *out)
{
    fprintf(out, "| metric | type | labels | what it tells |\n|---|---|---|---|\n");
    for (size_t i = 0; i < METRICS; i++) {
        if (metrics[i].help == NULL)
            continue;
        fprintf(out, "| `%s` | %s | ", metrics[i].name, type_of(metrics[i].kind));
        print_labels(i, out);
        fprintf(out, " | %s |\n", metrics[i].help);
    }
}
