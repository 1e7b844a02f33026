/* leftovers: what earlier commands could not send is sent by the next one that finds Redis well, so that a host with
 * nothing but short commands needs no sweep. */
#ifndef TASKLEDGER_PRODUCER_EMIT_LEFTOVERS_H
#define TASKLEDGER_PRODUCER_EMIT_LEFTOVERS_H

#include "producer/emit/configuration.h"

#include <stdint.h>

enum { LEFTOVERS_MS_MAX = 2000 }; /* somebody waits for the command, not for this */

/* Sweep the folder for so long, LEFTOVERS_MS_MAX at most, or until `stop_fd` is readable (negative: none). Nothing when
 * there is no spool, or nobody left anything. What cannot be sent stays where it is, and nothing is said: the command
 * itself went well. */
void leftovers_send(const struct configuration *configuration, int64_t timeout_ms, int stop_fd);

#endif
