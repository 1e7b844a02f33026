/* crc32c: the checksum that chooses a task's shard, and that guards the records of the spool.
 *
 * CRC-32C (Castagnoli), reflected, initial value and final XOR 0xffffffff, as in RFC 3720: "123456789" gives
 * 0xe3069283. */
#ifndef TASKLEDGER_PROTO_CRC32C_H
#define TASKLEDGER_PROTO_CRC32C_H

#include "proto/slice.h"

#include <stdint.h>

uint32_t crc32c(struct slice bytes);

/* The same without the processor's help, which not every one gives. */
uint32_t crc32c_by_table(struct slice bytes);

#endif
