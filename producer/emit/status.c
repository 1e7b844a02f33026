#include "producer/emit/status.h"

#include "producer/emit/console.h"
#include "producer/emit/delivery.h"
#include "producer/emit/field.h"
#include "producer/emit/step.h"
#include "proto/exit_code.h"

enum { NO_STOP = -1 }; /* signals end us as they end any program */

static bool parse(const struct configuration *configuration, int count, char **words, struct taskledger_event *event,
                  struct error *error)
{
    if (count != 2)
        return error_set(error, ERROR_FATAL, "usage", "expected a TASK_ID and a STATUS, found %d", count);

    *event = configuration_event(configuration);
    event->task_id = words[0];
    return field_status("STATUS", words[1], &event->status, error) &&
           (configuration->progress == NULL ||
            field_progress("--progress", configuration->progress, &event->progress, error));
}

/* What the library refuses is the caller's mistake, whether or not Redis is there. */
static enum exit_code emit(struct taskledger_producer *producer, const struct taskledger_event *event)
{
    struct error error;
    enum taskledger_result result = taskledger_emit(producer, event);
    char reason[ERROR_TEXT_MAX];

    if (result == TASKLEDGER_INVALID || result == TASKLEDGER_TOO_BIG) {
        field_reword(taskledger_invalid_reason(), configuration_status_names, reason);
        error_set(&error, ERROR_REJECTED, "invalid", "%s", reason);
        console_complain("status", &error);
        return EXIT_USAGE;
    }
    if (result == TASKLEDGER_FULL) {
        console_say("not accepted and lost: out of memory");
        return EXIT_UNREACHABLE;
    }
    step_tell(event);
    return EXIT_OK;
}

int status_execute(const struct configuration *configuration, int count, char **words)
{
    struct error error = {.kind = ERROR_NONE};
    struct taskledger_producer *producer;
    struct taskledger_event event;

    if (!parse(configuration, count, words, &event, &error) || !delivery_open(configuration, &producer, &error)) {
        console_complain("status", &error);
        return EXIT_USAGE;
    }

    enum exit_code emitted = emit(producer, &event);
    enum exit_code delivered = delivery_close(producer, configuration, NO_STOP);
    return (int)(emitted != EXIT_OK ? emitted : delivered);
}
