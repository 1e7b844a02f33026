/* frames: the records of an archive, one after the other.
 *
 * Nothing is believed: sizes have a bound, the last record must tell how many there were and the SHA-256 of what came
 * before it, and nothing may come behind it. Errors name the record and the byte where it begins. */
#ifndef TASKLEDGER_REPLAY_TRANSFER_FRAMES_H
#define TASKLEDGER_REPLAY_TRANSFER_FRAMES_H

#include "proto/arena.h"
#include "proto/digester.h"
#include "proto/error.h"
#include "replay/transfer/archive.h"
#include "replay/transfer/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frames {
    const char *path; /* borrowed */
    enum archive_encoding encoding;
    int descriptor;
    uint8_t *buffer;
    size_t capacity;
    size_t begin; /* of what is not read yet */
    size_t end;
    bool is_at_end;  /* of the file */
    uint64_t offset; /* of `begin` in the file */
    uint64_t counts[RECORD_KINDS];
    uint64_t number; /* of the present record, from 1 */
    struct digester *digester;
    bool is_over; /* the last record was read */
};

/* FATAL: "usage" when it cannot be read, "memory". */
bool frames_open(struct frames *frames, const char *path, enum archive_encoding encoding, struct error *error);

/* The next record that this version knows, down to the last one; `is_over` is set when that has come. Its values live
 * in the arena. FATAL: "archive" for what is none, "memory". */
bool frames_next(struct frames *frames, struct arena *arena, struct record *record, struct error *error);

/* FATAL, "archive", about the present record. */
bool frames_blame(const struct frames *frames, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void frames_close(struct frames *frames);

/* SHA-256 and size of the whole file; `tell` (NULL: nobody) hears how far it is. FATAL: "usage", "archive". */
bool frames_digest(const char *path, struct digest *digest, uint64_t *bytes, struct error *error);

/* Lines begin with a brace, protobuf never does: an archive's first record has field 1. */
bool frames_guess(const char *path, enum archive_encoding *encoding, struct error *error);

#endif
