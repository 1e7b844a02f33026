#include "producer/emit/run/outcome.h"

#include "producer/emit/run/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>

/* "30s", "1500ms" */
static void format_duration(int64_t duration_ms, char *text, size_t size)
{
    if (duration_ms % 1000 == 0)
        snprintf(text, size, "%" PRId64 "s", duration_ms / 1000);
    else
        snprintf(text, size, "%" PRId64 "ms", duration_ms);
}

static void describe_end(struct outcome *outcome)
{
    char name[SIGNALS_NAME_BYTES_MAX];
    int status = outcome->end.status;

    if (WIFSIGNALED(status)) {
        signals_name(WTERMSIG(status), name);
        outcome->error_type = "Signal";
        snprintf(outcome->message, sizeof outcome->message, "killed by %s", name);
    } else if (status != 0) {
        outcome->error_type = "ExitStatus";
        snprintf(outcome->message, sizeof outcome->message, "exit status %d", WEXITSTATUS(status));
    }
}

void outcome_describe(struct outcome *outcome, int64_t timeout_ms)
{
    char text[SIGNALS_NAME_BYTES_MAX];

    switch (outcome->kind) {
    case OUTCOME_ENDED:
        describe_end(outcome);
        return;
    case OUTCOME_TIMEOUT:
        format_duration(timeout_ms, text, sizeof text);
        outcome->error_type = "Timeout";
        snprintf(outcome->message, sizeof outcome->message, "not done within %s", text);
        return;
    case OUTCOME_CLAIM_LOST:
    case OUTCOME_CLAIM_GONE:
        outcome->error_type = "ClaimLost";
        snprintf(outcome->message, sizeof outcome->message,
                 "the claim is lost: Redis was away for longer than the lease, or we were stopped");
        return;
    case OUTCOME_STOPPED:
        signals_name(outcome->wanted_end, text);
        snprintf(outcome->message, sizeof outcome->message, "stopped by %s", text);
        return;
    case OUTCOME_NOT_STARTED:
    case OUTCOME_NO_PERMIT:
    case OUTCOME_NO_ANSWER:
        return;
    }
}

void outcome_describe_error(struct outcome *outcome, enum outcome_kind kind, const struct error *error)
{
    static const char *const types[] = {
        [OUTCOME_NOT_STARTED] = "Exec",
        [OUTCOME_NO_PERMIT] = "PermitTimeout",
        [OUTCOME_NO_ANSWER] = "LeaseUnavailable",
    };

    outcome->kind = kind;
    outcome->error_type = types[kind];
    snprintf(outcome->message, sizeof outcome->message, "%s", error->text);
}

bool outcome_did_run(const struct outcome *outcome)
{
    return outcome->kind == OUTCOME_ENDED || outcome->kind == OUTCOME_TIMEOUT || outcome->kind == OUTCOME_CLAIM_LOST;
}

enum taskledger_status outcome_status(const struct outcome *outcome)
{
    if (outcome->kind == OUTCOME_STOPPED)
        return TASKLEDGER_CANCELLED;
    return outcome->error_type == NULL ? TASKLEDGER_SUCCESS : TASKLEDGER_FAILURE;
}

bool outcome_is_worth_another(const struct outcome *outcome)
{
    if (outcome->error_type == NULL || outcome->wanted_end != 0)
        return false;
    return outcome->kind == OUTCOME_ENDED || outcome->kind == OUTCOME_TIMEOUT ||
           (outcome->kind == OUTCOME_NOT_STARTED && outcome->exec_errno == 0);
}

static int not_started_code(int exec_errno)
{
    if (exec_errno == 0)
        return EXIT_RUN_FAILED;
    return exec_errno == ENOENT ? EXIT_RUN_NOT_FOUND : EXIT_RUN_NOT_EXECUTABLE;
}

int outcome_exit_code(const struct outcome *outcome)
{
    switch (outcome->kind) {
    case OUTCOME_TIMEOUT:
        return EXIT_RUN_TIMEOUT;
    case OUTCOME_CLAIM_LOST:
    case OUTCOME_CLAIM_GONE:
    case OUTCOME_NO_PERMIT:
        return EXIT_RUN_HELD;
    case OUTCOME_NO_ANSWER:
        return EXIT_RUN_FAILED;
    case OUTCOME_NOT_STARTED:
        return not_started_code(outcome->exec_errno);
    case OUTCOME_STOPPED:
        return signals_die_by(outcome->wanted_end);
    case OUTCOME_ENDED:
        break;
    }
    return child_exit_code(&outcome->end);
}
