#include "consumer/pump.h"

#include <string.h>

enum { GROWTH = 8 };

static bool apply(struct pump *pump, struct batch batch, struct error *error);

/* The batch was refused for its content: go on with its halves, or condemn the one entry that is left. */
static bool apply_refused(struct pump *pump, struct batch batch, const struct error *why, struct error *error)
{
    if (batch.count == 1) {
        pump->counters.condemned++;
        return pump->sink.condemn(pump->sink.self, batch.entries, why, error);
    }

    size_t half = batch.count / 2;
    pump->counters.bisected++;
    return apply(pump, (struct batch){.entries = batch.entries, .count = half}, error) &&
           apply(pump, (struct batch){.entries = batch.entries + half, .count = batch.count - half}, error);
}

static bool apply(struct pump *pump, struct batch batch, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};

    if (pump->sink.apply(pump->sink.self, &batch, &why))
        return true;
    if (why.kind == ERROR_REJECTED)
        return apply_refused(pump, batch, &why, error);
    *error = why;
    return false;
}

/* The server has a time limit for each statement, and we have one for each answer. */
static bool took_too_long(const struct error *why)
{
    return strcmp(why->reason, "canceled") == 0 || strcmp(why->reason, "timeout") == 0;
}

static void halve(struct pump *pump, size_t count)
{
    pump->part_max = count > 1 ? count / 2 : 1;
    pump->counters.halved++;
}

/* Back to whole batches, step by step: what is too much is found out at the price of a time limit. Never amid a batch,
 * or one that is never settled would begin anew for ever. */
static void grow(struct pump *pump)
{
    if (pump->part_max == 0)
        return;
    pump->part_max += pump->part_max / GROWTH + 1;
    if (pump->part_max >= BATCH_ENTRIES_MAX)
        pump->part_max = 0;
}

static bool apply_in_parts(struct pump *pump, struct batch batch, struct error *error)
{
    while (batch.count > 0) {
        bool whole = pump->part_max == 0 || pump->part_max >= batch.count;
        struct batch part = {.entries = batch.entries, .count = whole ? batch.count : pump->part_max};

        if (!apply(pump, part, error)) {
            if (took_too_long(error))
                halve(pump, part.count);
            return false;
        }
        batch.entries += part.count;
        batch.count -= part.count;
    }
    grow(pump);
    return true;
}

/* One turn of the pump: read, apply, settle. */
static bool turn(struct pump *pump, struct error *error)
{
    struct batch batch = {.count = 0};

    if (!pump->source.read(pump->source.self, &batch, error))
        return false;
    if (batch.count == 0)
        return true;

    if (!apply_in_parts(pump, batch, error))
        return false;

    pump->counters.batches++;
    pump->counters.entries += batch.count;
    return pump->source.settle(pump->source.self, &batch, error);
}

static void tell_change(struct pump *pump, const struct error *error)
{
    if (pump->on_change != NULL)
        pump->on_change(pump->observer, error);
}

/* Whether to go on after a turn that failed. */
static bool recover(struct pump *pump, const struct error *why, const volatile sig_atomic_t *stop)
{
    pump->counters.retries++;
    tell_change(pump, why);
    pump->source.rewind(pump->source.self);
    if (*stop)
        return false;

    pump->clock->sleep_us(pump->clock->self, backoff_next_us(&pump->backoff));
    return true;
}

bool pump_run(struct pump *pump, const volatile sig_atomic_t *stop, struct error *error)
{
    bool failing = false;

    while (!pump->source.ended(pump->source.self)) {
        struct error why = {.kind = ERROR_NONE};

        if (*stop)
            pump->source.finish(pump->source.self);

        bool good = turn(pump, &why);
        if (!good && why.kind == ERROR_FATAL) {
            *error = why;
            return false;
        }
        if (!good && !recover(pump, &why, stop))
            return true;
        if (good && failing) {
            backoff_reset(&pump->backoff);
            tell_change(pump, NULL);
        }
        failing = !good;

        if (pump->on_turn != NULL)
            pump->on_turn(pump->observer);
    }
    return true;
}
