/* exit_code: how taskledger-consumer says what became of it. */
#ifndef TASKLEDGER_CONSUMER_EXIT_CODE_H
#define TASKLEDGER_CONSUMER_EXIT_CODE_H

#include "proto/error.h"

enum exit_code {
    EXIT_OK = 0,
    EXIT_FINDINGS = 1,    /* health: not well */
    EXIT_USAGE = 2,       /* or configuration, also where two programs do not agree */
    EXIT_UNREACHABLE = 3, /* Redis or PostgreSQL: not there, or does not let us in */
    EXIT_BUG = 70,
    EXIT_INTERRUPTED = 130,
};

/* What a program that ends for this error exits with. */
int exit_code_of(const struct error *error);

#endif
