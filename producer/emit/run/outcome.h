/* outcome: how an attempt to run a command ended, and what follows from that.
 *
 *   kind          error type         exit code                               tried again
 *   ENDED         ExitStatus         the command's                           yes, but when somebody wanted an end
 *                 Signal             by the same signal
 *   TIMEOUT       Timeout            124                                     the same
 *   CLAIM_LOST    ClaimLost          75                                      no
 *   NOT_STARTED   Exec               126, 127; 125 when there was no room    only the last
 *   NO_PERMIT     PermitTimeout      75                                      no
 *   NO_ANSWER     LeaseUnavailable   125                                     no
 *   STOPPED       -                  by the signal that stopped us           no
 *
 * Of these only ENDED with exit code 0 is a success; STOPPED is CANCELLED, the rest a FAILURE. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_OUTCOME_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_OUTCOME_H

#include "producer/emit/run/child.h"
#include "producer/emit/run/usage.h"
#include "producer/taskledger/producer.h"

#include <stdbool.h>
#include <stdint.h>

enum { OUTCOME_MESSAGE_BYTES_MAX = 512 };

/* Our own exit codes, as env(1) and timeout(1) have them. */
enum {
    EXIT_RUN_HELD = 75, /* EX_TEMPFAIL of sysexits.h: others have what it needs */
    EXIT_RUN_TIMEOUT = 124,
    EXIT_RUN_FAILED = 125, /* before the command was started */
    EXIT_RUN_NOT_EXECUTABLE = 126,
    EXIT_RUN_NOT_FOUND = 127,
};

enum outcome_kind {
    OUTCOME_ENDED,
    OUTCOME_TIMEOUT,     /* we ended it */
    OUTCOME_CLAIM_LOST,  /* the same; or it came between two attempts */
    OUTCOME_NOT_STARTED, /* there was no process */
    OUTCOME_NO_PERMIT,   /* in time */
    OUTCOME_NO_ANSWER,   /* of Redis, when it was asked for a permit */
    OUTCOME_CLAIM_GONE,  /* lost while a permit was waited for: there was no process */
    OUTCOME_STOPPED,     /* before it began, or between two attempts */
};

struct outcome {
    enum outcome_kind kind;
    struct child_end end; /* of a process that there was */
    struct usage usage;
    int exec_errno;         /* of NOT_STARTED */
    int wanted_end;         /* the signal by which somebody wanted an end; 0: nobody */
    const char *error_type; /* static storage; NULL: it is none */
    char message[OUTCOME_MESSAGE_BYTES_MAX];
};

/* Fill in error type and message of what is known so far; `timeout_ms` is the limit there was. */
void outcome_describe(struct outcome *outcome, int64_t timeout_ms);
void outcome_describe_error(struct outcome *outcome, enum outcome_kind kind, const struct error *error);

/* There was a process; `end` and `usage` tell of it. */
bool outcome_did_run(const struct outcome *outcome);

enum taskledger_status outcome_status(const struct outcome *outcome);

/* Whether the same command may do better. */
bool outcome_is_worth_another(const struct outcome *outcome);

/* Returns the exit code, or dies by the signal that is meant. */
int outcome_exit_code(const struct outcome *outcome);

#endif
