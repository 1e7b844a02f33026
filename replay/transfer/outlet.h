/* outlet: a file that is there as a whole or not at all.
 *
 * It is written beside its place, as PATH.part, locked against others who write the same; outlet_finish puts it into
 * its place when all of it is on disk. Who dies before leaves a .part that the next one begins anew. "-" is standard
 * output, which has no place to be put into.
 *
 * Its bytes are hashed as they go by. */
#ifndef TASKLEDGER_REPLAY_TRANSFER_OUTLET_H
#define TASKLEDGER_REPLAY_TRANSFER_OUTLET_H

#include "proto/digest.h"
#include "proto/digester.h"
#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OUTLET_BUFFER_BYTES = 256 * 1024 };

struct outlet {
    int descriptor;
    char *path; /* owned; NULL: standard output */
    char *part; /* owned */
    struct digester *digester;
    uint8_t *buffer;
    size_t buffered;
    uint64_t bytes; /* all of them */
};

/* FATAL: "usage" when it cannot be written there, "locked" when somebody else does, "memory". */
bool outlet_open(struct outlet *outlet, const char *path, struct error *error);

/* FATAL, "output", when it cannot be written. */
bool outlet_put(struct outlet *outlet, struct slice bytes, struct error *error);

/* SHA-256 of everything put so far. */
struct digest outlet_digest(const struct outlet *outlet);

/* All of it is on disk, and then in its place. FATAL, "output". */
bool outlet_finish(struct outlet *outlet, struct error *error);

/* One that was not finished is thrown away. A zeroed one can be closed. */
void outlet_close(struct outlet *outlet);

#endif
