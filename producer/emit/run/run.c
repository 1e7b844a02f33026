#include "producer/emit/run/run.h"

#include "producer/emit/console.h"
#include "producer/emit/delivery.h"
#include "producer/emit/run/admission.h"
#include "producer/emit/run/attempts.h"
#include "producer/emit/run/signals.h"
#include "producer/emit/stop.h"
#include "proto/clock.h"
#include "proto/event.h"
#include "proto/uuid.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

struct run {
    const struct configuration *configuration;
    struct account account;
    struct child child;
    struct admission admission;
    struct surroundings surroundings;
    char task_id[UUID_TEXT_BYTES]; /* when none was given */
};

/* ---- the task ---------------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL || slash[1] == '\0' ? path : slash + 1;
}

static bool make_task_id(char task_id[UUID_TEXT_BYTES], struct error *error)
{
    const struct clock *clock = clock_system();
    uint8_t random[10];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return error_set_errno(error, ERROR_FATAL, "random", "could not make a task id");

    struct uuid uuid = uuid_v7(clock->unix_us(clock->self), random);
    uuid_format(&uuid, task_id);
    return true;
}

static bool name_task(struct run *run, const char *command, struct error *error)
{
    struct taskledger_event *event = &run->account.event;

    *event = configuration_event(run->configuration);
    event->task_id = run->configuration->task_id;
    if (event->task_name == NULL)
        event->task_name = base_name(command);
    if (event->task_id != NULL)
        return true;
    event->task_id = run->task_id;
    return make_task_id(run->task_id, error);
}

/* Whoever watches would not know what to ask for. */
static void tell_people(const struct run *run)
{
    if (run->configuration->task_id == NULL && run->configuration->enabled && isatty(STDERR_FILENO) == 1)
        console_say("task %s begins", run->account.event.task_id);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static bool check(const struct configuration *configuration, int count, struct error *error)
{
    if (count < 1)
        return error_set(error, ERROR_FATAL, "usage", "expected a command");
    if (configuration->attempt + configuration->retries > EVENT_ATTEMPT_MAX)
        return error_set(error, ERROR_FATAL, "usage", "--retries: expected no attempt after %d", INT32_MAX);
    return true;
}

static bool open_all(struct run *run, int count, char **words, struct error *error)
{
    return check(run->configuration, count, error) && name_task(run, words[0], error) &&
           surroundings_init(&run->surroundings, environ, run->account.event.task_id, error) &&
           admission_init(&run->admission, run->configuration, &run->child, error) &&
           delivery_open(run->configuration, &run->account.producer, error) && child_init(&run->child, error);
}

static void close_all(struct run *run)
{
    surroundings_close(&run->surroundings);
    if (run->child.signals_fd >= 0)
        close(run->child.signals_fd);
}

/* Nothing else can be wanted of us any more than to stop, so that is what a signal says now. */
static void deliver(struct run *run)
{
    struct error error;
    int stop_fd = -1;

    (void)stop_open(&stop_fd, &error);
    delivery_close(run->account.producer, run->configuration, stop_fd);
    if (stop_fd >= 0)
        close(stop_fd);
}

/* Nothing was told. */
static int leave(struct run *run, int code)
{
    admission_close(&run->admission, false);
    taskledger_close(run->account.producer, 0);
    close_all(run);
    return code;
}

static int fail(struct run *run, const struct error *error)
{
    console_complain("run", error);
    return leave(run, EXIT_RUN_FAILED);
}

/* Where it is no failure that somebody else does it, it is nothing to write home about either. */
static int leave_to_others(struct run *run, const struct error *error)
{
    int code = (int)run->configuration->claim_held_exit;

    if (code != EXIT_OK)
        console_say("%s", error->text);
    return leave(run, code);
}

static int not_claimed(struct run *run, enum admission_answer answer, const struct error *error)
{
    if (answer == ADMISSION_HELD)
        return leave_to_others(run, error);
    if (answer == ADMISSION_UNKNOWN)
        return fail(run, error);
    leave(run, EXIT_OK);
    return signals_die_by(run->child.wanted_end);
}

/* Its end has been told. */
static int finish(struct run *run, const struct outcome *outcome)
{
    bool leaves_claim = admission_close(&run->admission, outcome_did_run(outcome));

    close_all(run);
    deliver(run);
    int code = outcome_exit_code(outcome);
    if (leaves_claim)
        _exit(code); /* exit(3) would give it back */
    return code;
}

int run_execute(const struct configuration *configuration, int count, char **words)
{
    struct run run = {.configuration = configuration, .child = {.signals_fd = -1}, .admission = {.slot = -1}};
    struct error error = {.kind = ERROR_NONE};
    struct outcome outcome;

    if (!open_all(&run, count, words, &error))
        return fail(&run, &error);

    enum admission_answer answer =
        admission_claim(&run.admission, run.account.event.task_id, &run.account.event.attempt, &error);
    if (answer != ADMISSION_GRANTED)
        return not_claimed(&run, answer, &error);

    const struct attempts attempts = {
        .configuration = configuration,
        .account = &run.account,
        .admission = &run.admission,
        .child = &run.child,
        .surroundings = &run.surroundings,
        .words = words,
    };
    tell_people(&run);
    if (!attempts_make(&attempts, &outcome, &error))
        return fail(&run, &error);

    return finish(&run, &outcome);
}
