/* record_wire: a record as protobuf, by replay/transfer/archive.proto.
 *
 * The tables of record.c are the schema: fields are flat, so that a few lines do what generated code would. A reader
 * passes over fields that it does not know. */
#ifndef TASKLEDGER_REPLAY_TRANSFER_RECORD_WIRE_H
#define TASKLEDGER_REPLAY_TRANSFER_RECORD_WIRE_H

#include "consumer/ledger/binary.h"
#include "proto/arena.h"
#include "proto/error.h"
#include "replay/transfer/record.h"

#include <stdbool.h>

/* The Record with its size in front, behind what `bytes` holds. FATAL, "memory". */
bool record_wire_write(const struct record *record, struct binary *bytes, struct error *error);

/* The Record without its size; values live in the arena or borrow from the message. `kind` is 0 when it is not known.
 * REJECTED, "archive", for what is no record; FATAL, "memory". */
bool record_wire_read(struct slice message, struct arena *arena, struct record *record, struct error *error);

/* The size in front of a message: how many bytes it takes itself, 0 while it is not whole; more than 10: it is none. */
size_t record_wire_size(struct slice bytes, uint64_t *size);

#endif
