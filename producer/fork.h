/* fork: what a child process must not share with its parent.
 *
 * In a child of fork() the descriptors that its parent's threads hold are closed, so that a connection ends when the
 * parent ends it, and a lock is free when the parent is gone. That is all that happens there: nothing is locked,
 * allocated or waited for. What else it inherits is left alone, since it was made in another generation
 * (proto/generation.h). */
#ifndef TASKLEDGER_PRODUCER_FORK_H
#define TASKLEDGER_PRODUCER_FORK_H

#include <stdbool.h>

/* As many of one process have their descriptors closed in its children; those beyond it stay open there. */
enum { FORK_OWNED_MAX = 256 };

/* Before any other call; as often as one likes. False when this process cannot be prepared: memory is short. */
bool fork_watch(void);

/* From now on call this in children. It closes descriptors and does nothing else. Returns a place to give to
 * fork_disown, -1 when there are FORK_OWNED_MAX already. */
int fork_own(void (*close_all)(void *self), void *self);

/* In a child that was made without telling anybody: do now what is done in others at once. */
void fork_catch_up(void);

/* Before the descriptors are closed. -1 is fine. */
void fork_disown(int place);

#endif
