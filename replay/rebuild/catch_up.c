#include "replay/rebuild/catch_up.h"

#include "replay/rebuild/load.h"
#include "replay/rebuild/refold.h"
#include "replay/rebuild/session.h"

enum { FEW = 1000, ROUNDS_MAX = 20 };

struct catching {
    struct refold refold;
    struct load load;
};

static bool visit(void *self, const struct projection *task, struct error *error)
{
    struct catching *catching = self;

    return load_add(&catching->load, task, error);
}

/* In the order of their names: rows that are away come back by COPY; those that have nothing to be folded from stay
 * away; and of the notes only those go that this snapshot has. */
static const struct postgres_statement clear_statement = {
    "catch_up_clear", "DELETE FROM taskledger.task_rebuild"
                      " WHERE task_id IN (SELECT task_id FROM taskledger.rebuild_touched)"};
static const struct postgres_statement seen_statement = {"catch_up_seen", "DELETE FROM taskledger.rebuild_touched"};

static bool fold(struct catching *catching, struct error *error)
{
    struct postgres *postgres = catching->refold.postgres;

    return postgres_query(postgres, &clear_statement, NULL, 0, NULL, error) &&
           refold_touched(&catching->refold, error) && load_end(&catching->load, error) &&
           postgres_query(postgres, &seen_statement, NULL, 0, NULL, error) && session_commit(postgres, error);
}

static bool prepare(struct rebuild *rebuild, struct change *session, struct error *error)
{
    if (session->postgres != NULL && !postgres_is_open(session->postgres))
        change_close(session);
    return (session->postgres != NULL || session_open(session, rebuild, error)) &&
           session_begin(session->postgres, &rebuild->run, error);
}

bool catch_up_once(struct rebuild *rebuild, struct change *session, int within_ms, uint64_t *tasks, struct error *error)
{
    const struct clock *clock = rebuild->replay->clock;

    if (!prepare(rebuild, session, error)) {
        session_abandon(session);
        return false;
    }
    struct catching catching = {
        .refold = {.postgres = session->postgres,
                   .visit = visit,
                   .self = &catching,
                   .temporary = rebuild->replay->settings->temporary,
                   .clock = within_ms == 0 ? NULL : clock,
                   .deadline_us = within_ms == 0 ? 0 : clock_deadline_us(clock, within_ms)},
        .load = {.postgres = session->postgres},
    };

    bool good = fold(&catching, error);
    if (good)
        *tasks = catching.refold.tasks;
    else
        session_abandon(session);
    refold_close(&catching.refold);
    load_close(&catching.load);
    return good;
}

bool catch_up(struct rebuild *rebuild, struct change *session, struct error *error)
{
    uint64_t before = UINT64_MAX;

    for (int round = 0; round < ROUNDS_MAX; round++) {
        uint64_t tasks;

        /* With no statistics the server would take a long list for a short one. */
        if (!postgres_execute(rebuild->change.postgres, "ANALYZE taskledger.rebuild_touched", error) ||
            !catch_up_once(rebuild, session, 0, &tasks, error))
            return false;
        rebuild->tasks_caught_up += tasks;
        console_progress_tell(&rebuild->progress, "catch up", rebuild->tasks_caught_up, 0);
        if (tasks <= FEW || tasks > before)
            break;
        before = tasks;
    }
    return true;
}
