/* What the log says, once for each change. */
#include "consumer/daemon/daemon.h"

#include <stdio.h>
#include <string.h>

void daemon_tell_housekeeping(struct daemon *daemon, const struct error *error)
{
    size_t known = daemon->housekeeping_told.count;

    if (error == NULL) {
        if (known > 0 && housekeeping_is_well(&daemon->housekeeping))
            daemon->housekeeping_told = (struct tally){.count = 0};
        return;
    }
    tally_add(&daemon->housekeeping_told, error->reason);
    if (daemon->housekeeping_told.count > known)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "housekeeping_failed",
                  LOG_FIELDS(log_text("reason", error->reason), log_text("detail", error->text)));
}

static void tell_slot(struct daemon *daemon)
{
    const char *consumer = group_consumer(daemon->group);

    if (strcmp(daemon->consumer, consumer) == 0)
        return;
    snprintf(daemon->consumer, sizeof daemon->consumer, "%s", consumer);
    log_write(&daemon->log, LOG_LEVEL_INFO, "slot_taken",
              LOG_FIELDS(log_text("consumer", consumer), log_text("group", daemon->configuration->group)));
}

static void tell_ready(struct daemon *daemon)
{
    if (daemon->said_ready || !daemon->has_turned)
        return;
    daemon->said_ready = true;
    log_write(&daemon->log, LOG_LEVEL_INFO, "ready",
              LOG_FIELDS(log_text("consumer", daemon->consumer), log_text("stream", daemon->configuration->stream),
                         log_integer("shards", daemon->configuration->shards),
                         log_text("redis", group_address(daemon->group)),
                         log_text("postgresql", postgres_address(daemon->postgres))));
}

static void tell_ledger(struct daemon *daemon)
{
    const struct schema_report *report = &daemon->gate.report;

    if (daemon->reports == daemon->gate.reports)
        return;
    daemon->reports = daemon->gate.reports;
    if (report->version_before != report->version)
        log_write(&daemon->log, LOG_LEVEL_INFO, "migrated",
                  LOG_FIELDS(log_integer("from", report->version_before), log_integer("to", report->version)));
    if (report->partitions_made > 0)
        log_write(&daemon->log, LOG_LEVEL_INFO, "partitions_made",
                  LOG_FIELDS(log_integer("count", (int64_t)report->partitions_made)));
    if (report->partitions_blocked[0] != '\0')
        log_write(&daemon->log, LOG_LEVEL_WARNING, "partitions_blocked",
                  LOG_FIELDS(log_text("names", report->partitions_blocked)));
    if (report->partitions_locked[0] != '\0')
        log_write(&daemon->log, LOG_LEVEL_WARNING, "partitions_locked",
                  LOG_FIELDS(log_text("names", report->partitions_locked)));
}

static void tell_groups(struct daemon *daemon)
{
    const struct group_counters *counters = group_counters(daemon->group);

    if (counters->groups_lost != daemon->groups_lost)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "group_lost",
                  LOG_FIELDS(log_text("group", daemon->configuration->group)));
    if (counters->groups_made != daemon->groups_made)
        log_write(&daemon->log, LOG_LEVEL_INFO, "group_made",
                  LOG_FIELDS(log_text("group", daemon->configuration->group),
                             log_integer("streams", (int64_t)(counters->groups_made - daemon->groups_made))));
    daemon->groups_lost = counters->groups_lost;
    daemon->groups_made = counters->groups_made;
}

/* In a cluster, where the others are read meanwhile. */
static void tell_away(struct daemon *daemon)
{
    const struct error *away = group_away(daemon->group);

    if (daemon->shards_away == (away != NULL))
        return;
    daemon->shards_away = away != NULL;
    if (away != NULL)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "shards_away",
                  LOG_FIELDS(log_text("reason", away->reason), log_text("detail", away->text)));
    else
        log_write(&daemon->log, LOG_LEVEL_INFO, "shards_back", LOG_NO_FIELDS);
}

static void tell_claims(struct daemon *daemon)
{
    const struct claim_counters *now = claim_counters(daemon->housekeeping.claim);
    const struct claim_counters *before = &daemon->claimed;

    if (now->dead != before->dead)
        log_write(&daemon->log, LOG_LEVEL_INFO, "claimed_from_dead",
                  LOG_FIELDS(log_integer("entries", (int64_t)(now->dead - before->dead))));
    if (now->idle != before->idle)
        log_write(&daemon->log, LOG_LEVEL_INFO, "claimed_idle",
                  LOG_FIELDS(log_integer("entries", (int64_t)(now->idle - before->idle))));
    if (now->deleted != before->deleted)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "entries_deleted",
                  LOG_FIELDS(log_integer("entries", (int64_t)(now->deleted - before->deleted))));
    if (now->ended != before->ended)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "frozen_sessions_ended",
                  LOG_FIELDS(log_integer("sessions", (int64_t)(now->ended - before->ended))));
    if (now->refused != before->refused)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "frozen_session_not_ended",
                  LOG_FIELDS(log_text("detail", "it is another user's; GRANT pg_signal_backend TO this user")));
    if (now->retired != before->retired)
        log_write(&daemon->log, LOG_LEVEL_INFO, "consumers_removed",
                  LOG_FIELDS(log_integer("names", (int64_t)(now->retired - before->retired))));
    daemon->claimed = *now;
}

static void tell_losses(struct daemon *daemon)
{
    const struct gaps_counters *now = &daemon->housekeeping.gaps.counters;
    const struct gaps_counters *before = &daemon->gaps;

    if (now->detected != before->detected)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "loss",
                  LOG_FIELDS(log_text("kind", loss_kind_names[LOSS_GAP]),
                             log_integer("gaps", (int64_t)(now->detected - before->detected)),
                             log_integer("events", (int64_t)(now->detected_events - before->detected_events))));
    if (now->repaired != before->repaired)
        log_write(&daemon->log, LOG_LEVEL_INFO, "loss_repaired",
                  LOG_FIELDS(log_text("kind", loss_kind_names[LOSS_GAP]),
                             log_integer("gaps", (int64_t)(now->repaired - before->repaired)),
                             log_integer("events", (int64_t)(now->repaired_events - before->repaired_events))));
    daemon->gaps = *now;
}

/* Who has lost the turn has nothing to say about it: it may still be so. */
static void tell_trimming(struct daemon *daemon)
{
    const struct census_row *blocker = upkeep_blocker(&daemon->housekeeping.upkeep);
    const char *name = blocker == NULL ? "" : blocker->name;

    if (strcmp(daemon->blocker, name) == 0)
        return;
    if (blocker != NULL)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "trimming_blocked",
                  LOG_FIELDS(log_text("group", name), log_integer("unsettled", blocker->unsettled),
                             log_integer("holds_back", blocker->holds_back),
                             log_integer("oldest_s", blocker->oldest_s)));
    else if (watermark_is_held(&daemon->housekeeping.watermark))
        log_write(&daemon->log, LOG_LEVEL_INFO, "trimming_resumed", LOG_FIELDS(log_text("group", daemon->blocker)));
    snprintf(daemon->blocker, sizeof daemon->blocker, "%s", name);
}

static void tell_budget(struct daemon *daemon)
{
    bool is_blind = daemon->housekeeping.upkeep.trim.is_blind;

    if (is_blind && !daemon->trim_blind)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "stream_bytes_unknown",
                  LOG_FIELDS(log_text("detail", "MEMORY USAGE is refused, so --retain-bytes bounds nothing; "
                                                "deploy/redis/users.acl has the rights of a consumer")));
    daemon->trim_blind = is_blind;
}

static void tell_strays(struct daemon *daemon)
{
    const struct strays *strays = &daemon->housekeeping.upkeep.strays;

    if (!strays->is_known || daemon->strays_told == (strays->found.unsettled > 0))
        return;
    daemon->strays_told = strays->found.unsettled > 0;
    if (daemon->strays_told)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "stray_entries",
                  LOG_FIELDS(log_text("key", strays->found.key), log_integer("entries", strays->found.unsettled),
                             log_text("detail", "it is of another number of shards, and nobody reads it; "
                                                "taskledger-consumer doctor says what to do")));
    else
        log_write(&daemon->log, LOG_LEVEL_INFO, "stray_entries_gone", LOG_NO_FIELDS);
}

static void tell_memory(struct daemon *daemon)
{
    const struct memory *memory = &daemon->housekeeping.upkeep.memory;

    if (memory->is_short == daemon->memory_short)
        return;
    daemon->memory_short = memory->is_short;
    if (memory->is_short)
        log_write(
            &daemon->log, LOG_LEVEL_WARNING, "redis_memory_short",
            LOG_FIELDS(log_integer("used_bytes", memory->used_bytes), log_integer("max_bytes", memory->max_bytes)));
    else if (memory->used_bytes >= 0)
        log_write(
            &daemon->log, LOG_LEVEL_INFO, "redis_memory_enough",
            LOG_FIELDS(log_integer("used_bytes", memory->used_bytes), log_integer("max_bytes", memory->max_bytes)));
}

static void tell_heads(struct daemon *daemon)
{
    const struct heads *heads = &daemon->housekeeping.heads;
    const struct heads_counters *before = &daemon->heads;

    if (heads->counters.went_back != before->went_back)
        log_write(&daemon->log, LOG_LEVEL_WARNING, loss_kind_names[LOSS_STREAM_WENT_BACK],
                  LOG_FIELDS(log_integer("streams", (int64_t)(heads->counters.went_back - before->went_back)),
                             log_text("detail", heads->detail)));
    if (heads->counters.set_back != before->set_back)
        log_write(&daemon->log, LOG_LEVEL_WARNING, "group_set_back",
                  LOG_FIELDS(log_text("group", daemon->configuration->group),
                             log_integer("streams", (int64_t)(heads->counters.set_back - before->set_back))));
    daemon->heads = heads->counters;
}

static void tell_setbacks(struct daemon *daemon)
{
    const struct setback_counters *now = &daemon->housekeeping.setback.counters;

    if (now->went_back == daemon->setbacks)
        return;
    daemon->setbacks = now->went_back;
    log_write(&daemon->log, LOG_LEVEL_WARNING, loss_kind_names[LOSS_LEDGER_WENT_BACK],
              LOG_FIELDS(log_integer("producers", (int64_t)now->producers), log_integer("events", (int64_t)now->events),
                         log_text("detail", "what the streams retain is applied again")));
}

static void tell_retraces(struct daemon *daemon)
{
    const struct retrace_counters *now = &daemon->housekeeping.retrace.counters;

    if (now->went_back == daemon->retraces)
        return;
    daemon->retraces = now->went_back;
    log_write(&daemon->log, LOG_LEVEL_WARNING, loss_kind_names[LOSS_LEDGER_WENT_BACK],
              LOG_FIELDS(log_integer("events", (int64_t)now->events),
                         log_text("detail", "settled and not held; from the oldest on all is applied again")));
}

static void tell_suspects(struct daemon *daemon)
{
    uint64_t now = suspects_counters(daemon->suspects)->crashing;

    if (now != daemon->crashing)
        log_write(&daemon->log, LOG_LEVEL_ERROR, "crashing_entries_set_aside",
                  LOG_FIELDS(log_integer("entries", (int64_t)(now - daemon->crashing)),
                             log_text("detail", "look at rejected_event, reason crashes, and report it")));
    daemon->crashing = now;
}

static void tell_reprieved(struct daemon *daemon)
{
    uint64_t now = daemon->housekeeping.reprieve.applied;

    if (now != daemon->reprieved)
        log_write(&daemon->log, LOG_LEVEL_INFO, "rejected_events_applied",
                  LOG_FIELDS(log_integer("events", (int64_t)(now - daemon->reprieved)),
                             log_text("detail", "an older version had no word for them")));
    daemon->reprieved = now;
}

static void tell_late(struct daemon *daemon)
{
    if (daemon->late_told || apply_counters(daemon->apply)->late == 0)
        return;
    daemon->late_told = true;
    log_write(&daemon->log, LOG_LEVEL_WARNING, "late_events",
              LOG_FIELDS(log_text("detail", "events of producers that were pruned: held and not stored; counted in "
                                            "producer.late_events")));
}

static void tell_stopping(struct daemon *daemon)
{
    if (daemon->said_stopping || !*daemon->stop)
        return;
    daemon->said_stopping = true;
    log_write(&daemon->log, LOG_LEVEL_INFO, "stopping", LOG_NO_FIELDS);
}

/* Who may not look at the ledger is told how to come in; who migrates needs more than that. */
static const char *advice_for(const struct error *error)
{
    bool migrating = strncmp(error->text, "cannot migrate", strlen("cannot migrate")) == 0;

    return strcmp(error->reason, "rights") == 0 && !migrating ? "; GRANT taskledger_writer TO this user" : "";
}

void daemon_tell_fatal(struct daemon *daemon, const struct error *error)
{
    char detail[LOG_TEXT_MAX];

    snprintf(detail, sizeof detail, "%s%s", error->text, advice_for(error));
    log_write(&daemon->log, LOG_LEVEL_ERROR, "failed",
              LOG_FIELDS(log_text("reason", error->reason), log_text("detail", detail)));
    manager_status(&daemon->manager, "failed: %s", detail);
    manager_tick(&daemon->manager);
}

void daemon_tell_stopped(const struct daemon *daemon)
{
    log_write(&daemon->log, LOG_LEVEL_INFO, "stopped",
              LOG_FIELDS(log_text("consumer", group_consumer(daemon->group)),
                         log_integer("entries", (int64_t)daemon->pump.counters.entries),
                         log_integer("events", (int64_t)apply_counters(daemon->apply)->events)));
}

void daemon_tell_changes(struct daemon *daemon)
{
    tell_ledger(daemon);
    tell_slot(daemon);
    tell_groups(daemon);
    tell_away(daemon);
    tell_ready(daemon);
    tell_claims(daemon);
    tell_losses(daemon);
    tell_trimming(daemon);
    tell_budget(daemon);
    tell_strays(daemon);
    tell_memory(daemon);
    tell_heads(daemon);
    tell_setbacks(daemon);
    tell_retraces(daemon);
    tell_suspects(daemon);
    tell_reprieved(daemon);
    tell_late(daemon);
    tell_stopping(daemon);
}
