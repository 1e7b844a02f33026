/* generation: which process this is, as a number that no ancestor of it had.
 *
 * What was made in another generation belongs to an ancestor: its threads do not exist here and its locks may be held
 * for ever. Knowing that costs no system call, and it is known however the child was made: the number lies in memory
 * that the kernel clears in a child. Where the kernel cannot, only the children of fork() are told apart. */
#ifndef TASKLEDGER_PROTO_GENERATION_H
#define TASKLEDGER_PROTO_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

/* Before any other call, and before a fork handler is set up that asks for the generation; as often as one likes. False
 * when this process cannot be prepared: memory is short. */
bool generation_watch(void);

/* Of this process, 1 or more. */
uint64_t generation_present(void);

#endif
