/* slot: one of N on this host, for permits while Redis is away.
 *
 * A slot is a name of the abstract socket namespace that is taken: whoever dies gives it back, and nothing is left in
 * any folder. Processes in network namespaces of their own (containers, usually) count by themselves. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_SLOT_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_SLOT_H

#include <stdint.h>

/* A descriptor to be closed when the slot is given back; negative: all `limit` of them are taken. */
int slot_take(const char *name, int64_t limit);

#endif
