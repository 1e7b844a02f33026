/* batch: the entries that go through the pump together. */
#ifndef TASKLEDGER_CONSUMER_BATCH_H
#define TASKLEDGER_CONSUMER_BATCH_H

#include "proto/entry.h"

#include <stddef.h>

enum {
    BATCH_ENTRIES_MAX = 5000,
    BATCH_BYTES_MAX = 4 * 1024 * 1024, /* of payloads; one part of an answer may exceed it by REDIS_PART_BYTES */
};

/* A stretch of entries, borrowed from the source until its next read. */
struct batch {
    const struct entry *entries;
    size_t count;
};

#endif
