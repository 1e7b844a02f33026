/* manifest: what an archive is and how to tell that all of it is there: FILE.manifest.json beside FILE.
 *
 *   {"format":"taskledger-archive","version":1,"encoding":"jsonl","scope":"whole",
 *    "file":{"name":"ledger.jsonl","bytes":1234,"sha256":"..."},
 *    "ledger":"...","snapshot":"741:745:742","taken_at":"...","program":"taskledger-replay 0.1.0",
 *    "counts":{"begin":1,"redaction":0,...},
 *    "events":{"producers":3,"ranges":4,"ranges_sha256":"...","first_recorded_at":"...","last_recorded_at":"..."}}
 *
 * It is written after FILE is in its place: without one, or with that of an older FILE, an import is refused. */
#ifndef TASKLEDGER_REPLAY_TRANSFER_MANIFEST_H
#define TASKLEDGER_REPLAY_TRANSFER_MANIFEST_H

#include "proto/digest.h"
#include "proto/error.h"
#include "replay/transfer/archive.h"

#include <stdbool.h>
#include <stdint.h>

enum { MANIFEST_TEXT_BYTES = 256, MANIFEST_BYTES_MAX = 64 * 1024 };

struct manifest {
    enum archive_encoding encoding;
    bool is_whole; /* the scope: all of a ledger */
    uint64_t bytes;
    struct digest digest; /* SHA-256 of the file */
    int64_t taken_at_us;
    char snapshot[MANIFEST_TEXT_BYTES]; /* cut */
    uint64_t counts[RECORD_KINDS];
    uint64_t producers; /* with events here */
    uint64_t ranges;    /* unbroken stretches of their numbers */
    struct digest ranges_digest;
};

/* Beside the archive, which is finished; `begin` is its first record. FATAL: "output", "memory". */
bool manifest_write(const char *path, const struct archive *archive, const struct record *begin, struct error *error);

/* Of the archive at `path`. FATAL: "usage" when there is none, "archive" when it is none, "memory". */
bool manifest_read(const char *path, struct manifest *manifest, struct error *error);

#endif
