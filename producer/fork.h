/* fork: what a child process must not share with its parent, and how either knows which one it is.
 *
 * Every process has a generation, a number that no ancestor of it had. What was made in another generation belongs to an
 * ancestor: its thread does not exist here and its locks may be held for ever, so it is left alone. Knowing that costs
 * no system call: the number lies in memory that the kernel clears in a child.
 *
 * In a child of fork() the descriptors that its parent's senders hold are closed, so that a connection ends when the
 * parent ends it. That is all that happens there: nothing is locked, allocated or waited for. */
#ifndef TASKLEDGER_PRODUCER_FORK_H
#define TASKLEDGER_PRODUCER_FORK_H

#include "proto/redis.h"

#include <stdbool.h>
#include <stdint.h>

/* As many senders of one process have their descriptors closed in its children; those beyond it stay open there. */
enum { FORK_SENDERS_MAX = 64 };

/* Before any other call; as often as one likes. False when this process cannot be prepared: memory is short. */
bool fork_watch(void);

/* The generation of this process, 1 or more. */
uint64_t fork_generation(void);

/* From now on, abandon this line and close this descriptor in children. Returns a place to give to fork_disown, -1 when
 * there are FORK_SENDERS_MAX already. */
int fork_own(struct redis *redis, int descriptor);

/* Before the line is freed and the descriptor closed. -1 is fine. */
void fork_disown(int place);

#endif
