/* load: rows into taskledger.task_rebuild, by COPY, a part at a time. */
#ifndef TASKLEDGER_REPLAY_REBUILD_LOAD_H
#define TASKLEDGER_REPLAY_REBUILD_LOAD_H

#include "consumer/ledger/binary.h"
#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "proto/projection.h"

#include <stdbool.h>

enum { LOAD_PART_BYTES = 1024 * 1024 };

/* With `postgres` set and the rest zeroed it is empty. */
struct load {
    struct postgres *postgres; /* borrowed; in a transaction */
    struct binary buffer;
};

/* Adds a row; a part that is full is sent. Between two calls the session is free for other statements. */
bool load_add(struct load *load, const struct projection *task, struct error *error);

/* Sends what is left. */
bool load_end(struct load *load, struct error *error);

void load_close(struct load *load);

#endif
