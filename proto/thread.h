/* thread: threads of ours in somebody else's process.
 *
 * All signals are blocked in them from their first instruction on: a host's signals are for the host's threads. Nobody
 * joins them. */
#ifndef TASKLEDGER_PROTO_THREAD_H
#define TASKLEDGER_PROTO_THREAD_H

#include <stdbool.h>

/* False, with errno set, when there can be no other thread now. */
bool thread_start(void *(*run)(void *), void *argument);

#endif
