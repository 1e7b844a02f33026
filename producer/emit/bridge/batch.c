#include "producer/emit/bridge/batch.h"

#include "producer/emit/field.h"

enum { KEEP_BYTES = 1024 * 1024 };

void batch_forget(struct batch *batch)
{
    batch->items.count = 0;
    batch->count = 0;
    batch->rejected = 0;
    batch->undated = 0;
    batch->latest_us = 0;
    arena_reset(&batch->arena, KEEP_BYTES);
}

bool batch_take(struct batch *batch, struct old_list *list, struct error *error)
{
    batch_forget(batch);
    return old_list_take(list, OLD_LIST_TAKE_MAX, &batch->arena, &batch->items, error);
}

/* ---- emit -------------------------------------------------------------------------------------------------------- */

/* What the library refuses, in the item's own keys. */
static void refused(struct error *error)
{
    static const struct field_name names[] = {
        {"task_id", "task_request_id"}, {"worker", "worker_container"}, {"data_json", "data"}, {NULL, NULL}};
    char reason[ERROR_TEXT_MAX];

    field_reword(taskledger_invalid_reason(), names, reason);
    error_set(error, ERROR_REJECTED, "invalid", "%s", reason);
}

/* False, TRANSIENT: not now. False, REJECTED: never. */
static bool emit(struct batch *batch, struct taskledger_producer *producer, struct slice item,
                 const struct legacy_rules *rules, struct error *error)
{
    if (!legacy_parse(&batch->legacy, item, rules, error))
        return false;

    switch (taskledger_emit(producer, &batch->legacy.event)) {
    case TASKLEDGER_ACCEPTED:
        return true;
    case TASKLEDGER_TOO_BIG:
    case TASKLEDGER_INVALID:
        refused(error);
        return false;
    case TASKLEDGER_FULL:
    case TASKLEDGER_CLOSED:
        break;
    }
    return error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for an event");
}

static void note_time(struct batch *batch)
{
    batch->undated += batch->legacy.is_undated;
    if (batch->legacy.event.occurred_at_us > batch->latest_us)
        batch->latest_us = batch->legacy.event.occurred_at_us;
}

static uint64_t lost_by_spool(struct taskledger_producer *producer)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;

    taskledger_counters(producer, &counters);
    return counters.spool_lost;
}

bool batch_emit(struct batch *batch, struct taskledger_producer *producer, const struct legacy_rules *rules,
                struct error *error)
{
    struct error found = {.kind = ERROR_NONE};

    batch->spool_lost = lost_by_spool(producer);
    for (batch->count = 0; batch->count < batch->items.count; batch->count++) {
        bool emitted = emit(batch, producer, batch->items.items[batch->count], rules, &found);

        if (!emitted && found.kind != ERROR_REJECTED)
            break;
        batch->is_rejected[batch->count] = !emitted;
        if (emitted) {
            note_time(batch);
            continue;
        }
        batch->rejected++;
        batch->reason = found;
    }
    if (batch->count > 0 || batch->items.count == 0)
        return true;
    *error = found;
    return false;
}

/* ---- safety ------------------------------------------------------------------------------------------------------ */

static enum batch_safety look(const struct batch *batch, struct taskledger_producer *producer)
{
    struct taskledger_counters counters = TASKLEDGER_COUNTERS_INIT;

    taskledger_counters(producer, &counters);
    if (counters.spool_lost > batch->spool_lost)
        return BATCH_LOST;
    return counters.sent + counters.spooled >= counters.accepted ? BATCH_SAFE : BATCH_OPEN;
}

enum batch_safety batch_wait(const struct batch *batch, struct taskledger_producer *producer, int32_t timeout_ms)
{
    enum batch_safety safety = look(batch, producer);

    if (safety != BATCH_OPEN)
        return safety;
    taskledger_flush(producer, timeout_ms);
    return look(batch, producer);
}

bool batch_settle(struct batch *batch, struct old_list *list, struct error *error)
{
    bool settled = old_list_settle(list, &batch->items, batch->is_rejected, batch->count, error);

    batch_forget(batch);
    return settled;
}

void batch_close(struct batch *batch)
{
    arena_close(&batch->arena);
    legacy_close(&batch->legacy);
}
