#include "producer/taskledger/producer.h"

#include "proto/event.h"

#include <stdlib.h>
#include <string.h>

struct taskledger_task {
    struct taskledger_producer *producer; /* borrowed */
    char *task_id;                        /* texts are owned; NULL: not given */
    char *name;
    char *step;
    uint32_t attempt;
    double progress; /* negative: not given */
};

/* What is remembered, ready to be said. */
static struct taskledger_event event_of(const struct taskledger_task *task, enum taskledger_status status)
{
    struct taskledger_event event = TASKLEDGER_EVENT_INIT;

    event.task_id = task->task_id;
    event.task_name = task->name;
    event.step = task->step;
    event.attempt = task->attempt;
    event.progress = task->progress;
    event.status = status;
    return event;
}

/* Without memory for it the step is forgotten: an old one would be wrong. */
static void remember_step(struct taskledger_task *task, const char *step)
{
    free(task->step);
    task->step = step == NULL ? NULL : strdup(step);
}

void taskledger_task_forget(struct taskledger_task *task)
{
    if (task == NULL)
        return;
    free(task->task_id);
    free(task->name);
    free(task->step);
    free(task);
}

static struct taskledger_task *new_task(struct taskledger_producer *producer, const char *task_id, const char *name)
{
    struct taskledger_task *task = calloc(1, sizeof *task);

    if (task == NULL)
        return NULL;
    task->producer = producer;
    task->progress = -1.0;
    task->task_id = strdup(task_id == NULL ? "" : task_id); /* emit tells what is wrong with none */
    task->name = name == NULL ? NULL : strdup(name);
    if (task->task_id != NULL && (name == NULL || task->name != NULL))
        return task;
    taskledger_task_forget(task);
    return NULL;
}

/* A refused event was not said; what it would have changed is not remembered. */
static bool is_refusal(enum taskledger_result result)
{
    return result == TASKLEDGER_INVALID || result == TASKLEDGER_TOO_BIG;
}

struct taskledger_task *taskledger_task_begin(struct taskledger_producer *producer, const char *task_id,
                                              const char *name, uint32_t attempt)
{
    struct taskledger_task *task = producer == NULL ? NULL : new_task(producer, task_id, name);

    if (task == NULL)
        return NULL;
    task->attempt = attempt_effective(attempt);

    struct taskledger_event event = event_of(task, TASKLEDGER_RUNNING);
    if (!is_refusal(taskledger_emit(producer, &event)))
        return task;
    taskledger_task_forget(task);
    return NULL;
}

enum taskledger_result taskledger_task_step(struct taskledger_task *task, const char *step)
{
    if (task == NULL)
        return TASKLEDGER_CLOSED;

    struct taskledger_event event = event_of(task, TASKLEDGER_RUNNING);
    event.step = step;
    enum taskledger_result result = taskledger_emit(task->producer, &event);
    if (!is_refusal(result))
        remember_step(task, step);
    return result;
}

enum taskledger_result taskledger_task_progress(struct taskledger_task *task, double progress, const char *message)
{
    if (task == NULL)
        return TASKLEDGER_CLOSED;

    struct taskledger_event event = event_of(task, TASKLEDGER_RUNNING);
    event.progress = progress;
    event.message = message;
    enum taskledger_result result = taskledger_emit(task->producer, &event);
    if (!is_refusal(result))
        task->progress = progress;
    return result;
}

enum taskledger_result taskledger_task_retry(struct taskledger_task *task, const char *error_type,
                                             const char *error_message)
{
    if (task == NULL)
        return TASKLEDGER_CLOSED;

    struct taskledger_event event = event_of(task, TASKLEDGER_RETRY);
    event.error_type = error_type;
    event.error_message = error_message;
    enum taskledger_result result = taskledger_emit(task->producer, &event);
    if (is_refusal(result))
        return result;

    /* The next attempt begins from the beginning. */
    task->attempt++;
    task->progress = -1.0;
    remember_step(task, NULL);
    return result;
}

enum taskledger_result taskledger_task_fail(struct taskledger_task *task, const char *error_type,
                                            const char *error_message, const char *traceback)
{
    if (task == NULL)
        return TASKLEDGER_CLOSED;

    struct taskledger_event event = event_of(task, TASKLEDGER_FAILURE);
    event.error_type = error_type;
    event.error_message = error_message;
    event.error_traceback = traceback;
    enum taskledger_result result = taskledger_emit(task->producer, &event);
    taskledger_task_forget(task);
    return result;
}

enum taskledger_result taskledger_task_end(struct taskledger_task *task, enum taskledger_status status,
                                           const char *data_json)
{
    if (task == NULL)
        return TASKLEDGER_CLOSED;

    struct taskledger_event event = event_of(task, status);
    event.data_json = data_json;
    if (status == TASKLEDGER_SUCCESS)
        event.step = "completed";
    enum taskledger_result result = taskledger_emit(task->producer, &event);
    taskledger_task_forget(task);
    return result;
}
