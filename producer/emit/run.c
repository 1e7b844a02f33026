#include "producer/emit/run.h"

#include "producer/emit/child.h"
#include "producer/emit/console.h"
#include "producer/emit/delivery.h"
#include "producer/emit/stop.h"
#include "proto/clock.h"
#include "proto/json_writer.h"
#include "proto/uuid.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ERROR_MESSAGE_BYTES_MAX = 64, SIGNAL_NAME_BYTES_MAX = 32, ATTEMPT_BYTES_MAX = 12 };

struct run {
    struct taskledger_producer *producer;
    struct taskledger_event event; /* what all events of the task have in common */
    char task_id[UUID_TEXT_BYTES]; /* when none was given */
    struct child child;
    int64_t started_us; /* on the monotonic clock */
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

static bool name_task(struct run *run, const struct configuration *configuration, const char *command,
                      struct error *error)
{
    run->event = configuration_event(configuration);
    run->event.task_id = configuration->task_id;
    if (run->event.task_name == NULL)
        run->event.task_name = base_name(command);
    if (run->event.task_id != NULL)
        return true;
    run->event.task_id = run->task_id;
    return make_task_id(run->task_id, error);
}

/* So that the command can tell its steps. Before there is a sender, which is another thread. */
static bool tell_command(const struct run *run, struct error *error)
{
    char attempt[ATTEMPT_BYTES_MAX];

    snprintf(attempt, sizeof attempt, "%" PRIu32, run->event.attempt);
    /* NOLINTNEXTLINE(concurrency-mt-unsafe) */
    if (setenv("TASKLEDGER_TASK_ID", run->event.task_id, 1) == 0 && setenv("TASKLEDGER_ATTEMPT", attempt, 1) == 0)
        return true;
    return error_set_errno(error, ERROR_FATAL, "memory", "could not tell the command its task");
}

/* Whoever watches would not know what to ask for. */
static void tell_people(const struct run *run, const struct configuration *configuration)
{
    if (configuration->task_id == NULL && configuration->enabled && isatty(STDERR_FILENO) == 1)
        console_say("task %s begins", run->event.task_id);
}

static bool refuse(struct error *error)
{
    char reason[ERROR_TEXT_MAX];

    field_reword(taskledger_invalid_reason(), configuration_run_names, reason);
    return error_set(error, ERROR_FATAL, "usage", "%s", reason);
}

/* Before the command exists, so that what is wrong with the flags runs nothing. */
static bool emit_running(struct run *run, struct error *error)
{
    run->event.status = TASKLEDGER_RUNNING;

    enum taskledger_result result = taskledger_emit(run->producer, &run->event);
    if (result == TASKLEDGER_INVALID || result == TASKLEDGER_TOO_BIG)
        return refuse(error);
    return true;
}

/* ---- the end of the command -------------------------------------------------------------------------------------- */

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* SIGKILL; real-time signals have numbers only. */
static void name_signal(int signal, char name[SIGNAL_NAME_BYTES_MAX])
{
    const char *known = sigabbrev_np(signal);

    if (known != NULL)
        snprintf(name, SIGNAL_NAME_BYTES_MAX, "SIG%s", known);
    else
        snprintf(name, SIGNAL_NAME_BYTES_MAX, "signal %d", signal);
}

static void write_usage(struct json_writer *json, const struct rusage *usage, double wall_seconds)
{
    json_writer_key(json, "wall_seconds");
    json_writer_double(json, wall_seconds);
    json_writer_key(json, "cpu_user_seconds");
    json_writer_double(json, seconds(usage->ru_utime));
    json_writer_key(json, "cpu_system_seconds");
    json_writer_double(json, seconds(usage->ru_stime));
    json_writer_key(json, "max_rss_bytes");
    json_writer_integer(json, (int64_t)usage->ru_maxrss * 1024);
}

static void write_data(struct json_writer *json, const struct child_end *end, double wall_seconds)
{
    char name[SIGNAL_NAME_BYTES_MAX];

    json_writer_object_begin(json);
    if (WIFSIGNALED(end->status)) {
        name_signal(WTERMSIG(end->status), name);
        json_writer_key(json, "signal");
        json_writer_text(json, name);
        json_writer_key(json, "core_dumped");
        json_writer_boolean(json, WCOREDUMP(end->status));
    } else {
        json_writer_key(json, "exit_code");
        json_writer_integer(json, WEXITSTATUS(end->status));
    }
    write_usage(json, &end->usage, wall_seconds);
    json_writer_object_end(json);
}

static void describe_failure(const struct child_end *end, struct taskledger_event *event,
                             char message[ERROR_MESSAGE_BYTES_MAX])
{
    char name[SIGNAL_NAME_BYTES_MAX];

    event->status = TASKLEDGER_FAILURE;
    event->error_message = message;
    if (WIFSIGNALED(end->status)) {
        name_signal(WTERMSIG(end->status), name);
        event->error_type = "Signal";
        snprintf(message, ERROR_MESSAGE_BYTES_MAX, "killed by %s", name);
    } else {
        event->error_type = "ExitStatus";
        snprintf(message, ERROR_MESSAGE_BYTES_MAX, "exit status %d", WEXITSTATUS(end->status));
    }
}

static void emit_end(struct run *run, const struct child_end *end)
{
    const struct clock *clock = clock_system();
    double wall_seconds = (double)(clock->monotonic_us(clock->self) - run->started_us) / 1e6;
    char message[ERROR_MESSAGE_BYTES_MAX];
    struct taskledger_event event = run->event;
    struct json_writer data = {.text = NULL};

    event.status = TASKLEDGER_SUCCESS;
    if (end->status != 0)
        describe_failure(end, &event, message);

    write_data(&data, end, wall_seconds);
    if (!data.failed)
        event.data_json = data.text;
    taskledger_emit(run->producer, &event);
    json_writer_close(&data);
}

static void emit_not_started(struct run *run, const struct error *error)
{
    struct taskledger_event event = run->event;

    event.status = TASKLEDGER_FAILURE;
    event.error_type = "Exec";
    event.error_message = error->text;
    taskledger_emit(run->producer, &event);
}

/* Nothing else can be wanted of us any more than to stop, so that is what a signal says now. */
static void deliver(struct run *run, const struct configuration *configuration)
{
    struct error error;
    int stop_fd = -1;

    (void)stop_open(&stop_fd, &error);
    delivery_close(run->producer, configuration, stop_fd);
    if (stop_fd >= 0)
        close(stop_fd);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static bool open_task(struct run *run, const struct configuration *configuration, int count, char **words,
                      struct error *error)
{
    if (count < 1)
        return error_set(error, ERROR_FATAL, "usage", "expected a command");
    return name_task(run, configuration, words[0], error) && tell_command(run, error) &&
           delivery_open(configuration, &run->producer, error) && emit_running(run, error);
}

static int not_started_code(int exec_errno)
{
    if (exec_errno == 0)
        return EXIT_RUN_FAILED;
    return exec_errno == ENOENT ? EXIT_RUN_NOT_FOUND : EXIT_RUN_NOT_EXECUTABLE;
}

int run_execute(const struct configuration *configuration, int count, char **words)
{
    const struct clock *clock = clock_system();
    struct run run = {.producer = NULL};
    struct child_end end;
    struct error error = {.kind = ERROR_NONE};
    int exec_errno = 0;

    if (!open_task(&run, configuration, count, words, &error)) {
        console_complain("run", &error);
        taskledger_close(run.producer, 0);
        return EXIT_RUN_FAILED;
    }

    tell_people(&run, configuration);
    child_init(&run.child);
    run.started_us = clock->monotonic_us(clock->self);
    if (!child_start(&run.child, words, &exec_errno, &error)) {
        console_say("%s", error.text);
        emit_not_started(&run, &error);
        deliver(&run, configuration);
        return not_started_code(exec_errno);
    }

    child_wait(&run.child, &end);
    emit_end(&run, &end);
    deliver(&run, configuration);
    return child_exit_code(&end);
}
