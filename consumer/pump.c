#include "consumer/pump.h"

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

/* One turn of the pump: read, apply, settle. */
static bool turn(struct pump *pump, struct error *error)
{
    struct batch batch = {.count = 0};

    if (!pump->source.read(pump->source.self, &batch, error))
        return false;
    if (batch.count == 0)
        return true;

    if (!apply(pump, batch, error))
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
