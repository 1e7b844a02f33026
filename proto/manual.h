/* manual: the pages of a program, in the language of scdoc(5).
 *
 * NAME.SECTION.scd is about the program, NAME-COMMAND.SECTION.scd about each command that has a description. What
 * people wrote by hand besides (deploy/man) is put behind them when they are made. */
#ifndef TASKLEDGER_PROTO_MANUAL_H
#define TASKLEDGER_PROTO_MANUAL_H

#include "proto/error.h"
#include "proto/program.h"

#include <stdbool.h>

/* Into this folder, which is there. FATAL, "output". */
bool manual_write(const struct program *program, const char *folder, struct error *error);

#endif
