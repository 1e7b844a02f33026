/* archive: records on their way into a file.
 *
 * Counts what goes by, and hashes which events there are: of each unbroken stretch of a producer's numbers the line
 * "<producer_id> <first> <last>", in the order of the archive. */
#ifndef TASKLEDGER_REPLAY_TRANSFER_ARCHIVE_H
#define TASKLEDGER_REPLAY_TRANSFER_ARCHIVE_H

#include "consumer/ledger/binary.h"
#include "proto/arena.h"
#include "proto/error.h"
#include "proto/json_writer.h"
#include "proto/uuid.h"
#include "replay/transfer/outlet.h"
#include "replay/transfer/record.h"

#include <stdbool.h>
#include <stdint.h>

enum archive_encoding { ARCHIVE_JSONL, ARCHIVE_PROTOBUF };

/* "jsonl", "protobuf". */
extern const char *const archive_encoding_names[];

/* Which events there are. */
struct archive_ranges {
    uint64_t producers;
    uint64_t ranges;
    struct digest digest;

    int64_t first_recorded_at_us; /* 0: there are none */
    int64_t last_recorded_at_us;

    /* The present stretch. */
    struct uuid producer_id;
    uint64_t first;
    uint64_t last;
};

struct archive {
    struct outlet outlet;
    enum archive_encoding encoding;
    uint64_t counts[RECORD_KINDS];
    struct archive_ranges ranges;

    struct digester *digester; /* of the ranges */
    struct json_writer json;
    struct binary bytes;
    struct arena arena;
};

/* As outlet_open. */
bool archive_open(struct archive *archive, const char *path, enum archive_encoding encoding, struct error *error);

/* FATAL: "output", "memory". */
bool archive_put(struct archive *archive, const struct record *record, struct error *error);

/* The last record, and then all of it is in its place. */
bool archive_finish(struct archive *archive, struct error *error);

/* A zeroed one can be closed. */
void archive_close(struct archive *archive);

/* All records but the last. */
uint64_t archive_records(const uint64_t counts[RECORD_KINDS]);

#endif
