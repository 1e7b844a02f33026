/* replay: the fold of each range, copied into the new table. */
#include "replay/rebuild/crew.h"
#include "replay/rebuild/load.h"
#include "replay/rebuild/refold.h"

static bool add(void *self, const struct projection *task, struct error *error)
{
    return load_add(self, task, error);
}

static bool load_range(const struct crew_means *means, const struct range *range, struct range_counts *counts,
                       struct error *error)
{
    struct load load = {.postgres = means->postgres};
    struct refold refold = {
        .postgres = means->postgres, .visit = add, .self = &load, .temporary = means->temporary, .seen = means->seen};

    bool good = refold_range(&refold, range_first(range), range_before(range), error) && load_end(&load, error);
    *counts = (struct range_counts){.events = refold.events, .tasks = refold.tasks};
    refold_close(&refold);
    load_close(&load);
    return good;
}

bool rebuild_load(struct rebuild *rebuild, struct error *error)
{
    static const struct crew_options options = {.phase = "replay", .todo = RANGES_TO_LOAD, .work = load_range};

    const struct clock *clock = rebuild->replay->clock;
    int64_t started_us = clock->monotonic_us(clock->self);

    if (!crew_run(rebuild, &options, &rebuild->events_loaded, error))
        return false;
    rebuild->replay_us = clock->monotonic_us(clock->self) - started_us;
    return run_advance(rebuild->change.postgres, &rebuild->run, RUN_CATCH_UP, error);
}
