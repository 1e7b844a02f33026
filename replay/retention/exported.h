/* exported: is an event in an export, with the same bytes?
 *
 * The file is compared with its manifest once, and then read along with events that come in the order of (producer,
 * number). Memory does not depend on its size. */
#ifndef TASKLEDGER_REPLAY_RETENTION_EXPORTED_H
#define TASKLEDGER_REPLAY_RETENTION_EXPORTED_H

#include "proto/arena.h"
#include "proto/digester.h"
#include "proto/error.h"
#include "replay/transfer/frames.h"
#include "replay/transfer/manifest.h"
#include "replay/transfer/record.h"
#include "replay/verify/chain.h"

#include <stdbool.h>
#include <stdint.h>

enum { EXPORTED_PATH_BYTES = 4096 };

/* A zeroed one can be closed. */
struct exported {
    char path[EXPORTED_PATH_BYTES];
    struct manifest manifest;
    struct digester *digester;

    uint64_t missing; /* events that are not in it, since exported_begin */
    struct uuid missing_producer_id;
    uint64_t missing_sequence; /* the first of them */

    /* The rest is its own. */
    struct frames frames;
    bool is_open;
    bool has_event; /* in `record` */
    struct record record;
    struct arena arena;
};

/* `path`: the file, or its manifest. FATAL: "usage", "archive", "memory". */
bool exported_open(struct exported *exported, const char *path, struct error *error);

/* From its first event on. */
bool exported_begin(struct exported *exported, struct error *error);

/* The next number that the ledger holds. What is held without an event need not be in it. */
bool exported_step(struct exported *exported, const struct chain_step *step, struct error *error);

void exported_close(struct exported *exported);

#endif
