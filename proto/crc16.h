/* crc16: the checksum by which Redis Cluster spreads keys.
 *
 * CRC-16/XMODEM: polynomial 0x1021, not reflected, initial value 0: "123456789" gives 0x31c3. */
#ifndef TASKLEDGER_PROTO_CRC16_H
#define TASKLEDGER_PROTO_CRC16_H

#include "proto/slice.h"

#include <stdint.h>

uint16_t crc16(struct slice bytes);

#endif
