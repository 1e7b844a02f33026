/* seal_file: a seal that is read, a segment at a time.
 *
 * Opening reads the whole of it: form, order, totals, the body's SHA-256. So whoever compares with it compares with
 * what was sealed, or not at all. Memory does not depend on its size. The form is in replay/seal/seal_line.h.
 *
 * A file that is no intact seal, or is not signed by the key it should be, fails FATAL, "seal". */
#ifndef TASKLEDGER_REPLAY_SEAL_SEAL_FILE_H
#define TASKLEDGER_REPLAY_SEAL_SEAL_FILE_H

#include "proto/digester.h"
#include "proto/error.h"
#include "replay/seal/seal_line.h"
#include "replay/seal/signature.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { SEAL_FILE_TAIL_BYTES_MAX = 512 };

/* A zeroed one can be closed. */
struct seal_file {
    int64_t sealed_at_us;
    char snapshot[SEAL_LINE_SNAPSHOT_BYTES_MAX];
    struct seal_totals totals;
    struct digest body;
    bool is_signed;
    struct digest key_id; /* of who signed it, as it says itself */

    /* The rest is the file's own. */
    FILE *stream;
    const char *path;
    uint64_t line_number;
    char line[SEAL_LINE_BYTES_MAX];
    struct digester *digester;
    struct seal_totals met;
    struct seal_segment last;
    char tail[SEAL_FILE_TAIL_BYTES_MAX]; /* what is signed */
    size_t tail_size;
    char signature[SIGNATURE_TEXT_BYTES];
};

/* Check it and stand before its first segment. `path` is borrowed as long as it is open. */
bool seal_file_open(struct seal_file *file, const char *path, struct error *error);

/* The same of a stream that can be read again from its beginning; takes it, also when it fails. `path` is its name. */
bool seal_file_use(struct seal_file *file, FILE *stream, const char *path, struct error *error);

/* Is it signed, and by this key? */
bool seal_file_signed_by(const struct seal_file *file, const struct signature_key *key, struct error *error);

/* The next segment, in the order of (producer_id, first); `ended` when there is none. Fails when the file is no longer
 * the one that was checked. */
bool seal_file_next(struct seal_file *file, struct seal_segment *segment, bool *ended, struct error *error);

void seal_file_close(struct seal_file *file);

#endif
