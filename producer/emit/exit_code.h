/* exit_code: how taskledger-emit says what became of it.
 *
 * `run` exits as its command did instead; EXIT_RUN_* are its own, as env(1) and timeout(1) have them. */
#ifndef TASKLEDGER_PRODUCER_EMIT_EXIT_CODE_H
#define TASKLEDGER_PRODUCER_EMIT_EXIT_CODE_H

enum exit_code {
    EXIT_OK = 0,
    EXIT_FINDINGS = 1,     /* some lines were bad */
    EXIT_USAGE = 2,        /* or configuration */
    EXIT_UNDELIVERED = 3,  /* Redis could not be reached in time */
    EXIT_INCOMPLETE = 4,   /* the input could not be read to its end */
    EXIT_RUN_FAILED = 125, /* before the command was started */
    EXIT_RUN_NOT_EXECUTABLE = 126,
    EXIT_RUN_NOT_FOUND = 127,
    EXIT_INTERRUPTED = 130,
};

#endif
