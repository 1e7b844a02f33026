/* seal_writer: a seal that is written, a segment at a time.
 *
 * The file has its name when it is whole and on disk, not before, and takes nobody's place. What is not finished leaves
 * nothing behind, also when the process is killed, where the file system has files without a name; where it has not, a
 * hidden one may be left beside. The form is in replay/seal/seal_line.h.
 *
 * Fails FATAL: "config" when the file cannot be there, "output" when it cannot be written, "key". */
#ifndef TASKLEDGER_REPLAY_SEAL_SEAL_WRITER_H
#define TASKLEDGER_REPLAY_SEAL_SEAL_WRITER_H

#include "proto/digester.h"
#include "proto/error.h"
#include "replay/seal/seal_line.h"
#include "replay/seal/signature.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A zeroed one can be closed. */
struct seal_writer {
    struct seal_totals totals;

    /* The rest is the writer's own. */
    const char *path;
    const char *name; /* its last part */
    int folder;
    FILE *stream;                 /* NULL: not open */
    char temporary[NAME_MAX + 1]; /* empty: the file has no name yet */
    struct digester *digester;
    struct uuid last_producer_id;
};

/* `path` is borrowed as long as it is open. */
bool seal_writer_open(struct seal_writer *writer, const char *path, struct error *error);

/* First of all. */
bool seal_writer_begin(struct seal_writer *writer, int64_t sealed_at_us, const char *snapshot, struct error *error);

/* The next segment, in the order of (producer_id, first). */
bool seal_writer_put(struct seal_writer *writer, const struct seal_segment *segment, struct error *error);

/* The file is there. `key` NULL: it is not signed. */
bool seal_writer_finish(struct seal_writer *writer, const struct signature_key *key, struct error *error);

/* What is not finished is gone. */
void seal_writer_close(struct seal_writer *writer);

#endif
