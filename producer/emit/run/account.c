#include "producer/emit/run/account.h"

#include "producer/emit/configuration.h"
#include "producer/emit/run/signals.h"
#include "proto/json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>

enum { MESSAGE_BYTES_MAX = 160 };

static bool refuse(struct error *error)
{
    char reason[ERROR_TEXT_MAX];

    field_reword(taskledger_invalid_reason(), configuration_run_names, reason);
    return error_set(error, ERROR_FATAL, "usage", "%s", reason);
}

void account_queued(const struct account *account, const char *permit)
{
    struct taskledger_event event = account->event;
    char message[MESSAGE_BYTES_MAX];

    snprintf(message, sizeof message, "waits for a permit of %s", permit);
    event.status = TASKLEDGER_QUEUED;
    event.message = message;
    taskledger_emit(account->producer, &event);
}

bool account_running(const struct account *account, struct error *error)
{
    struct taskledger_event event = account->event;

    event.status = TASKLEDGER_RUNNING;
    enum taskledger_result result = taskledger_emit(account->producer, &event);
    return (result != TASKLEDGER_INVALID && result != TASKLEDGER_TOO_BIG) || refuse(error);
}

/* ---- with data --------------------------------------------------------------------------------------------------- */

static void write_end(struct json_writer *json, int status)
{
    char name[SIGNALS_NAME_BYTES_MAX];

    if (WIFSIGNALED(status)) {
        signals_name(WTERMSIG(status), name);
        json_writer_key(json, "signal");
        json_writer_text(json, name);
        json_writer_key(json, "core_dumped");
        json_writer_boolean(json, WCOREDUMP(status));
    } else {
        json_writer_key(json, "exit_code");
        json_writer_integer(json, WEXITSTATUS(status));
    }
}

/* With the usage, and with the end if there was one. */
static void emit(const struct account *account, struct taskledger_event *event, const struct usage *usage,
                 const struct child_end *end)
{
    struct json_writer data = {.text = NULL};

    json_writer_object_begin(&data);
    if (end != NULL)
        write_end(&data, end->status);
    usage_write(usage, &data);
    json_writer_object_end(&data);
    if (!data.failed)
        event->data_json = data.text;
    taskledger_emit(account->producer, event);
    json_writer_close(&data);
}

void account_alive(const struct account *account, const struct step *step, const struct usage *usage)
{
    struct taskledger_event event = account->event;

    event.status = TASKLEDGER_RUNNING;
    event.message = step->message;
    step_repeat(step, &event);
    emit(account, &event, usage, NULL);
}

static void emit_outcome(const struct account *account, struct taskledger_event *event, const struct outcome *outcome)
{
    event->error_type = outcome->error_type;
    if (outcome->error_type != NULL)
        event->error_message = outcome->message;
    if (outcome_did_run(outcome))
        emit(account, event, &outcome->usage, &outcome->end);
    else
        taskledger_emit(account->producer, event);
}

void account_retry(const struct account *account, const struct outcome *outcome, const struct step *step,
                   int64_t next_us)
{
    struct taskledger_event event = account->event;
    char message[MESSAGE_BYTES_MAX];

    snprintf(message, sizeof message, "attempt %" PRIu32 " begins in %.1f s", event.attempt + 1, (double)next_us / 1e6);
    event.status = TASKLEDGER_RETRY;
    event.message = message;
    step_repeat(step, &event);
    emit_outcome(account, &event, outcome);
}

void account_end(const struct account *account, const struct outcome *outcome, const struct step *step)
{
    struct taskledger_event event = account->event;

    event.status = outcome_status(outcome);
    if (event.status != TASKLEDGER_SUCCESS)
        step_repeat(step, &event);
    if (outcome->kind == OUTCOME_STOPPED)
        event.message = outcome->message;
    emit_outcome(account, &event, outcome);
}
