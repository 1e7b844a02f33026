#include "producer/taskledger/producer.h"

#include "producer/producer_inside.h"
#include "producer/statement.h"
#include "proto/event.h"

#include <stdlib.h>
#include <string.h>

struct taskledger_task {
    struct taskledger_producer *producer; /* borrowed */
    struct taskledger_event kept;         /* what all its events say, but for the step */
    char *step;                           /* owned; NULL: not given */
    char texts[];                         /* of `kept` */
};

/* What is remembered, ready to be said. */
static struct taskledger_event event_of(const struct taskledger_task *task, enum taskledger_status status)
{
    struct taskledger_event event = task->kept;

    event.step = task->step;
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
    free(task->step);
    free(task);
}

/* A refused event was not said; what it would have changed is not remembered. */
static bool is_refusal(enum taskledger_result result)
{
    return result == TASKLEDGER_INVALID || result == TASKLEDGER_TOO_BIG;
}

/* ---- beginning --------------------------------------------------------------------------------------------------- */

static size_t text_bytes(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1;
}

/* Copy the text to where there is room for it. */
static void keep(const char **text, char **room)
{
    size_t bytes = text_bytes(*text);

    if (bytes == 0)
        return;
    *text = memcpy(*room, *text, bytes);
    *room += bytes;
}

/* What `first` says for all events of its task. */
static struct taskledger_task *new_task(struct taskledger_producer *producer, const struct taskledger_event *first)
{
    size_t bytes = text_bytes(first->task_id) + text_bytes(first->task_name) + text_bytes(first->worker) +
                   text_bytes(first->queue) + text_bytes(first->parent_task_id) + text_bytes(first->traceparent);
    struct taskledger_task *task = malloc(sizeof *task + bytes);

    if (task == NULL)
        return NULL;
    *task = (struct taskledger_task){.producer = producer, .kept = TASKLEDGER_EVENT_INIT};
    task->kept.task_id = first->task_id;
    task->kept.task_name = first->task_name;
    task->kept.worker = first->worker;
    task->kept.queue = first->queue;
    task->kept.parent_task_id = first->parent_task_id;
    task->kept.traceparent = first->traceparent;
    task->kept.attempt = attempt_effective(first->attempt);
    task->kept.progress = first->progress;

    char *room = task->texts;
    keep(&task->kept.task_id, &room);
    keep(&task->kept.task_name, &room);
    keep(&task->kept.worker, &room);
    keep(&task->kept.queue, &room);
    keep(&task->kept.parent_task_id, &room);
    keep(&task->kept.traceparent, &room);
    remember_step(task, first->step);
    return task;
}

/* In a child the producer's own worker is another; a task stays with the one who began it. */
static struct taskledger_task *begin(struct taskledger_producer *producer, const struct taskledger_event *given)
{
    char worker[SETTINGS_WORKER_BYTES_MAX + 1];
    struct taskledger_event first = *given;

    producer_worker(producer, worker);
    if (first.worker == NULL || first.worker[0] == '\0')
        first.worker = worker;
    if (first.status == 0)
        first.status = TASKLEDGER_RUNNING;

    struct taskledger_task *task = new_task(producer, &first);
    if (task == NULL || !is_refusal(taskledger_emit(producer, &first)))
        return task;
    taskledger_task_forget(task);
    return NULL;
}

struct taskledger_task *taskledger_task_begin_with(struct taskledger_producer *producer,
                                                   const struct taskledger_event *first)
{
    struct taskledger_event whole;
    struct error error;

    if (producer == NULL || first == NULL)
        return NULL;
    if (statement_take(first, &whole, &error))
        return begin(producer, &whole);
    (void)taskledger_emit(producer, first); /* which says why it is invalid */
    return NULL;
}

struct taskledger_task *taskledger_task_begin(struct taskledger_producer *producer, const char *task_id,
                                              const char *name, uint32_t attempt)
{
    struct taskledger_event first = TASKLEDGER_EVENT_INIT;

    first.task_id = task_id;
    first.task_name = name;
    first.attempt = attempt;
    return taskledger_task_begin_with(producer, &first);
}

/* ---- going on ---------------------------------------------------------------------------------------------------- */

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
        task->kept.progress = progress;
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
    task->kept.attempt++;
    task->kept.progress = -1.0;
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
