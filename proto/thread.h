/* thread: threads of ours in somebody else's process.
 *
 * All signals are blocked in them from their first instruction on: a host's signals are for the host's threads. Nobody
 * joins them. */
#ifndef TASKLEDGER_PROTO_THREAD_H
#define TASKLEDGER_PROTO_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* False, with errno set, when there can be no other thread now. */
bool thread_start(void *(*run)(void *), void *argument);

/* This thread, woken by another, does not take the processor from that one at once: for those that a host's call wakes.
 * Where that is not allowed it goes on as it is. */
void thread_be_unobtrusive(void);

/* From here on a pthread_cancel of this thread waits, until thread_unshield with what this returned. */
int thread_shield(void);
void thread_unshield(int shield);

/* Which thread this is, for the next. */
int thread_number(void);

/* Whether that thread of this process waits for something else than a processor. Where nobody can tell, without /proc,
 * it is taken to. */
bool thread_sleeps(int number);

/* How often this thread has had to wait for something else than a processor, so far. */
int64_t thread_waits(void);

#endif
