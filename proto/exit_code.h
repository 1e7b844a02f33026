/* exit_code: how a program says what became of it.
 *
 * One table for all programs, so that a script need not know which one it called; `taskledger-emit run` alone exits as
 * its command did (producer/emit/run.h). */
#ifndef TASKLEDGER_PROTO_EXIT_CODE_H
#define TASKLEDGER_PROTO_EXIT_CODE_H

#include "proto/error.h"

enum exit_code {
    EXIT_OK = 0,
    EXIT_FINDINGS = 1,    /* something is not as it should be: bad lines, holes, a consumer that is not well */
    EXIT_USAGE = 2,       /* or configuration, also where two programs do not agree */
    EXIT_UNREACHABLE = 3, /* Redis or PostgreSQL: not there in time, or does not let us in */
    EXIT_INCOMPLETE = 4,  /* not all could be read, checked or sent */
    EXIT_DIVERGED = 5,    /* from a seal */
    EXIT_LOCKED = 6,      /* by another run */
    EXIT_BUG = 70,
    EXIT_INTERRUPTED = 130,
};

/* What a program that ends for this error exits with. */
enum exit_code exit_code_of(const struct error *error);

#endif
