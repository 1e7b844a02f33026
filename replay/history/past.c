#include "replay/history/past.h"

#include "replay/ledger_events.h"
#include "replay/ledger_task.h"

struct telling {
    struct past *past;
    const struct past_moment *moment;
};

static bool add_event(void *self, const struct ledger_event *event, struct error *error)
{
    const struct telling *telling = self;

    if (event->event.occurred_at_us > telling->moment->as_of_us || event->recorded_at_us > telling->moment->known_at_us)
        return true;
    if (!event->is_readable && !event->is_redacted) {
        telling->past->unreadable++;
        return true;
    }

    const struct projection projection = projection_of(&event->event);
    return fold_add(&telling->past->fold, &projection, error);
}

/* What was pruned is one lump: it can be told from a moment before its end no more. */
static bool add_base(struct telling *telling, struct ledger *ledger, struct slice task_id, struct error *error)
{
    int64_t as_of_us = telling->moment->as_of_us;
    AUTO_POSTGRES_RESULT row = NULL;
    struct projection base;

    if (!ledger_task_find_base(ledger, task_id, &row, &base, error))
        return false;
    if (row == NULL || base.first_at_us > as_of_us)
        return true;
    telling->past->is_too_late = base.occurred_at_us > as_of_us;
    return telling->past->is_too_late || fold_add(&telling->past->fold, &base, error);
}

bool past_tell(struct past *past, struct ledger *ledger, struct slice task_id, const struct past_moment *moment,
               struct error *error)
{
    struct telling telling = {.past = past, .moment = moment};

    fold_reset(&past->fold);
    past->unreadable = 0;
    past->is_too_late = false;
    return add_base(&telling, ledger, task_id, error) &&
           ledger_events_read(ledger, task_id, LEDGER_BY_ARRIVAL, &past->arena, add_event, &telling, error);
}

void past_close(struct past *past)
{
    fold_close(&past->fold);
    arena_close(&past->arena);
}
