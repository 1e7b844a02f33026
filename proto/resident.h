/* resident: how much of this process is in memory. */
#ifndef TASKLEDGER_PROTO_RESIDENT_H
#define TASKLEDGER_PROTO_RESIDENT_H

#include <stdint.h>

/* Bytes; -1: the kernel does not say. */
int64_t resident_bytes(void);

#endif
