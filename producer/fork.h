/* fork: what a child process must not share with its parent.
 *
 * In a child of fork() the descriptors that its parent's senders hold are closed, so that a connection ends when the
 * parent ends it. That is all that happens there: nothing is locked, allocated or waited for. What else it inherits is
 * left alone, since it was made in another generation (proto/generation.h). */
#ifndef TASKLEDGER_PRODUCER_FORK_H
#define TASKLEDGER_PRODUCER_FORK_H

#include "proto/redis.h"

#include <stdbool.h>

/* As many senders of one process have their descriptors closed in its children; those beyond it stay open there. */
enum { FORK_SENDERS_MAX = 64 };

/* Before any other call; as often as one likes. False when this process cannot be prepared: memory is short. */
bool fork_watch(void);

/* From now on, abandon this line and close this descriptor in children. Returns a place to give to fork_disown, -1 when
 * there are FORK_SENDERS_MAX already. */
int fork_own(struct redis *redis, int descriptor);

/* Before the line is freed and the descriptor closed. -1 is fine. */
void fork_disown(int place);

#endif
