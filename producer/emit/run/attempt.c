#include "producer/emit/run/attempt.h"

#include "producer/emit/console.h"
#include "producer/emit/run/tree.h"
#include "proto/clock.h"

#include <signal.h>
#include <sys/wait.h>

enum { AGAIN_US = 100 * 1000 }; /* how often it is looked whether what was signalled has gone */

#define NEVER INT64_MAX

/* One attempt, going on. Times are of the monotonic clock. */
struct watch {
    const struct attempt *attempt;
    struct outcome *outcome;
    struct tree tree;
    int64_t began_us;
    int64_t heartbeat_us; /* the next */
    int64_t limit_us;
    int64_t kill_us; /* NEVER as long as we have not ended it */
};

static int64_t now_us(void)
{
    return clock_system()->monotonic_us(clock_system()->self);
}

static int64_t after(int64_t time_us, int64_t duration_ms)
{
    return duration_ms == 0 ? NEVER : time_us + duration_ms * 1000;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct watch watch_of(const struct attempt *attempt, struct outcome *outcome)
{
    int64_t began_us = now_us();

    return (struct watch){
        .attempt = attempt,
        .outcome = outcome,
        .began_us = began_us,
        .heartbeat_us = after(began_us, attempt->configuration->heartbeat_ms),
        .limit_us = after(began_us, attempt->configuration->limit_ms),
        .kill_us = NEVER,
    };
}

/* ---- while it runs ----------------------------------------------------------------------------------------------- */

static void measure_wall(struct watch *watch)
{
    watch->outcome->usage.wall_seconds = (double)(now_us() - watch->began_us) / 1e6;
}

static void give_sign_of_life(struct watch *watch)
{
    const struct attempt *attempt = watch->attempt;

    tree_look(&watch->tree);
    usage_of_tree(&watch->outcome->usage, &watch->tree);
    measure_wall(watch);
    account_alive(attempt->account, attempt->step, &watch->outcome->usage);
    watch->heartbeat_us = after(now_us(), attempt->configuration->heartbeat_ms);
}

/* What is stopped could not mind the signal. */
static void end_it(struct watch *watch, enum outcome_kind why)
{
    watch->outcome->kind = why;
    outcome_describe(watch->outcome, watch->attempt->configuration->limit_ms);
    console_say("%s: the command is terminated", watch->outcome->message);
    watch->kill_us = now_us() + watch->attempt->configuration->kill_after_ms * 1000;
    tree_signal(&watch->tree, SIGTERM);
    tree_signal(&watch->tree, SIGCONT);
}

/* Again and again: who forks all the time may slip through once. */
static void kill_it(struct watch *watch)
{
    tree_signal(&watch->tree, SIGKILL);
    watch->kill_us = now_us() + AGAIN_US;
}

static void see_to_what_is_due(struct watch *watch)
{
    step_hear(watch->attempt->step);
    if (now_us() >= watch->heartbeat_us)
        give_sign_of_life(watch);
    if (now_us() >= watch->kill_us)
        kill_it(watch);
    else if (watch->kill_us == NEVER && !admission_is_held(watch->attempt->admission))
        end_it(watch, OUTCOME_CLAIM_LOST);
    else if (watch->kill_us == NEVER && now_us() >= watch->limit_us)
        end_it(watch, OUTCOME_TIMEOUT);
}

static struct child_until until(const struct watch *watch)
{
    int64_t end_us = watch->kill_us == NEVER ? earlier(watch->limit_us, admission_look_us(watch->attempt->admission))
                                             : watch->kill_us;

    return (struct child_until){.deadline_us = earlier(watch->heartbeat_us, end_us), .fd = watch->attempt->step->fd};
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

/* The command has ended since we wanted that; what it had started may be at it still. */
static void clear_away(struct watch *watch)
{
    struct child_end nobody;

    tree_root_ended(&watch->tree);
    for (;;) {
        tree_look(&watch->tree);
        if (tree_living(&watch->tree) == 0 || now_us() >= watch->kill_us)
            break;
        const struct child_until soon = {.deadline_us = earlier(watch->kill_us, now_us() + AGAIN_US), .fd = -1};
        child_wait(watch->attempt->child, &soon, &nobody);
    }
    if (tree_living(&watch->tree) > 0)
        tree_signal(&watch->tree, SIGKILL);
}

static void follow(struct watch *watch)
{
    const struct attempt *attempt = watch->attempt;
    struct outcome *outcome = watch->outcome;

    for (;;) {
        struct child_until until_then = until(watch);

        if (child_wait(attempt->child, &until_then, &outcome->end))
            break;
        see_to_what_is_due(watch);
    }
    measure_wall(watch);
    usage_of_rest(&outcome->usage, &outcome->end.usage);
    step_hear(attempt->step);
    if (watch->kill_us != NEVER)
        clear_away(watch);
}

/* To some a hangup is a reason to read their configuration again. */
static void note_wish(struct child *child, struct outcome *outcome)
{
    int status = outcome->end.status;

    if (child->wanted_end == SIGHUP && !(WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP))
        child->wanted_end = 0;
    outcome->wanted_end = child->wanted_end;
}

void attempt_make(const struct attempt *attempt, struct outcome *outcome)
{
    struct error error = {.kind = ERROR_NONE};
    struct watch watch = watch_of(attempt, outcome);

    *outcome = (struct outcome){.kind = OUTCOME_ENDED};
    if (!child_start(attempt->child, attempt->words, attempt->environment, &outcome->exec_errno, &error)) {
        outcome_describe_error(outcome, OUTCOME_NOT_STARTED, &error);
        console_say("%s", outcome->message);
    } else {
        tree_init(&watch.tree, "/proc", attempt->child->pid);
        follow(&watch);
        tree_close(&watch.tree);
        outcome_describe(outcome, attempt->configuration->limit_ms);
    }
    note_wish(attempt->child, outcome);
}
