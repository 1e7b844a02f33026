#include "proto/event.h"

#include "proto/json.h"
#include "proto/utf8.h"

#include <inttypes.h>
#include <math.h>

/* Every refusal names the field, its limit and what was found. */
#define REFUSE(error, ...) error_set(error, ERROR_REJECTED, "invalid", __VA_ARGS__)

static bool check_text(const char *field, struct slice text, struct error *error)
{
    size_t wrong = utf8_check(text);

    if (wrong == text.size)
        return true;
    return REFUSE(error, "%s: byte %zu is %s", field, wrong, text.data[wrong] == 0 ? "a NUL" : "not UTF-8");
}

static bool check_task_texts(const struct task_status *task, struct error *error)
{
    const struct {
        const char *field;
        struct slice text;
    } texts[] = {
        {"task_id", task->task_id},
        {"task_name", task->task_name},
        {"worker", task->worker},
        {"step", task->step},
        {"message", task->message},
        {"error.type", task->error_type},
        {"error.message", task->error_message},
        {"error.traceback", task->error_traceback},
        {"traceparent", task->traceparent},
        {"parent_task_id", task->parent_task_id},
        {"queue", task->queue},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!check_text(texts[i].field, texts[i].text, error))
            return false;
    return true;
}

static bool check_opened_texts(const struct producer_opened *opened, struct error *error)
{
    return check_text("host", opened->host, error) && check_text("worker", opened->worker, error) &&
           check_text("library_version", opened->library_version, error);
}

bool event_check_texts(const struct event *event, struct error *error)
{
    switch (event->body) {
    case EVENT_TASK_STATUS:
        return check_task_texts(&event->task_status, error);
    case EVENT_PRODUCER_OPENED:
        return check_opened_texts(&event->producer_opened, error);
    case EVENT_PRODUCER_DROPPED:
        return check_text("reason", event->producer_dropped.reason, error);
    case EVENT_PRODUCER_CLOSED:
    case EVENT_PRODUCER_ADOPTED:
        break;
    }
    return true;
}

static bool check_task_ids(const struct task_status *task, struct error *error)
{
    if (task->task_id.size == 0)
        return REFUSE(error, "task_id: empty, must have 1 to %d bytes", EVENT_TASK_ID_BYTES_MAX);
    if (task->task_id.size > EVENT_TASK_ID_BYTES_MAX)
        return REFUSE(error, "task_id: %zu bytes, at most %d", task->task_id.size, EVENT_TASK_ID_BYTES_MAX);
    if (task->parent_task_id.size > EVENT_TASK_ID_BYTES_MAX)
        return REFUSE(error, "parent_task_id: %zu bytes, at most %d", task->parent_task_id.size,
                      EVENT_TASK_ID_BYTES_MAX);
    return true;
}

static bool check_status(enum status status, struct error *error)
{
    if (status == STATUS_UNSPECIFIED)
        return REFUSE(error, "status: not given");
    if (status > STATUS_CANCELLED) /* enum values are unsigned here, so negative ones are above too */
        return error_set(error, ERROR_REJECTED, "unknown_status", "status: %d, known are %d to %d", (int)status,
                         STATUS_PENDING, STATUS_CANCELLED);
    return true;
}

static bool check_numbers(const struct task_status *task, struct error *error)
{
    if (task->attempt > EVENT_ATTEMPT_MAX)
        return REFUSE(error, "attempt: %" PRIu32 ", at most %" PRIu32, task->attempt, EVENT_ATTEMPT_MAX);
    if (task->has_progress && !(isfinite(task->progress) && task->progress >= 0.0 && task->progress <= 1.0))
        return REFUSE(error, "progress: %g, must be from 0 to 1", task->progress);
    return true;
}

static bool check_data(struct slice data_json, struct error *error)
{
    size_t offset = 0;

    if (data_json.size == 0)
        return true;

    const char *found = json_check_object(data_json, EVENT_JSON_DEPTH_MAX, &offset);
    if (found != NULL)
        return REFUSE(error, "data_json: expected a JSON object, found %s at byte %zu", found, offset);
    return true;
}

static bool check_dropped(const struct producer_dropped *dropped, struct error *error)
{
    if (dropped->first_sequence < 1 || dropped->first_sequence > dropped->last_sequence)
        return REFUSE(error, "first_sequence: %" PRIu64 ", must be from 1 to last_sequence, %" PRIu64,
                      dropped->first_sequence, dropped->last_sequence);
    return true;
}

static bool check_adopted(const struct producer_adopted *adopted, struct error *error)
{
    if (adopted->last_sequence < 1 || adopted->last_sequence > EVENT_SEQUENCE_MAX)
        return REFUSE(error, "last_sequence: %" PRIu64 ", must be from 1 to %" PRIu64, adopted->last_sequence,
                      EVENT_SEQUENCE_MAX);
    if (adopted->last_digest.size != DIGEST_BYTES)
        return REFUSE(error, "last_digest: %zu bytes, must be %d", adopted->last_digest.size, DIGEST_BYTES);
    return true;
}

bool event_check_body(const struct event *event, struct error *error)
{
    switch (event->body) {
    case EVENT_TASK_STATUS:
        return check_task_ids(&event->task_status, error) && check_status(event->task_status.status, error) &&
               check_numbers(&event->task_status, error) && check_data(event->task_status.data_json, error);
    case EVENT_PRODUCER_OPENED:
    case EVENT_PRODUCER_CLOSED:
        return true;
    case EVENT_PRODUCER_DROPPED:
        return check_dropped(&event->producer_dropped, error);
    case EVENT_PRODUCER_ADOPTED:
        return check_adopted(&event->producer_adopted, error);
    }
    return error_set(error, ERROR_REJECTED, "unknown_body", "body %d is not known", (int)event->body);
}

/* What closed and dropped say about their own producer's numbers. */
static bool check_own_numbers(const struct event *event, struct error *error)
{
    if (event->body == EVENT_PRODUCER_CLOSED && event->producer_closed.last_sequence != event->sequence)
        return REFUSE(error, "last_sequence: %" PRIu64 ", must be the event's own, %" PRIu64,
                      event->producer_closed.last_sequence, event->sequence);
    if (event->body == EVENT_PRODUCER_DROPPED && event->producer_dropped.last_sequence >= event->sequence)
        return REFUSE(error, "last_sequence: %" PRIu64 ", must be below the event's own, %" PRIu64,
                      event->producer_dropped.last_sequence, event->sequence);
    return true;
}

bool event_check_head(const struct event *event, struct error *error)
{
    if (event->sequence < 1 || event->sequence > EVENT_SEQUENCE_MAX)
        return REFUSE(error, "sequence: %" PRIu64 ", must be from 1 to %" PRIu64, event->sequence, EVENT_SEQUENCE_MAX);
    if (event->previous_digest.size != 0 && event->previous_digest.size != DIGEST_BYTES)
        return REFUSE(error, "previous_digest: %zu bytes, must be none or %d", event->previous_digest.size,
                      DIGEST_BYTES);
    if (event->occurred_at_us < 1 || event->occurred_at_us > EVENT_TIME_MAX_US)
        return REFUSE(error, "occurred_at_us: %" PRId64 ", must be from 1 to %" PRId64, event->occurred_at_us,
                      EVENT_TIME_MAX_US);
    return check_own_numbers(event, error);
}
