/* cluster_slot: which of the 16384 slots of a Redis Cluster a key is in.
 *
 * CRC-16 of the key, or of its hash tag alone: what stands between the first "{" and the first "}" behind it, if that
 * is not empty. Keys with one tag are in one slot, so one command or script may touch them together. */
#ifndef TASKLEDGER_PROTO_CLUSTER_SLOT_H
#define TASKLEDGER_PROTO_CLUSTER_SLOT_H

#include "proto/slice.h"

enum { CLUSTER_SLOTS = 16384 };

unsigned cluster_slot(struct slice key);

#endif
