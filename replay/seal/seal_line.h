/* seal_line: a seal, and how it is spelled.
 *
 * A seal says what a ledger held at a moment, so small that it can be kept elsewhere. It is a text, each line ended by
 * one newline, words divided by one blank, numbers without leading zeros, digests as 64 lower case hexadecimal digits:
 *
 *   taskledger-seal 1
 *   sealed 2026-11-22T05:12:28.123456Z           when, by the server's clock
 *   snapshot 741:745:742,743                     of PostgreSQL: pg_current_snapshot()
 *   <producer> <first> <last> <digest> <sum>     a segment; any number of these lines
 *   end taskledger-seal 1
 *   producers 3                                  different ones
 *   segments 4
 *   events 1000                                  the sum of last - first + 1
 *   body-sha256 <digest>                         of all bytes before the line "end"
 *   key <digest>                                 if it is signed: SHA-256 of the public key, as DER (SubjectPublicKeyInfo)
 *   signature <base64>                           if it is signed: Ed25519, of all bytes from "end" to the line "key"
 *
 * A segment is a run of consecutive numbers of one producer, each of them held (stored, redacted, or set aside with its
 * bytes, and then only when the next event carries their digest), in which each event carries the digest of the one
 * before. It ends where a number is missing, where the chain is broken, and before what was set aside, since that may
 * carry nothing. Segments are in the order of (producer, first) and do not overlap. The digest is the SHA-256 of the
 * last event's bytes; the sum is the SHA-256 of the SHA-256s of all events from first to last, one behind the other, so
 * that nothing but the bytes themselves has to be believed. */
#ifndef TASKLEDGER_REPLAY_SEAL_SEAL_LINE_H
#define TASKLEDGER_REPLAY_SEAL_SEAL_LINE_H

#include "proto/digest.h"
#include "proto/slice.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

#define SEAL_LINE_BEGIN "taskledger-seal 1"
#define SEAL_LINE_END   "end taskledger-seal 1"

enum {
    SEAL_LINE_BYTES_MAX = 256, /* with its newline and a NUL */
    SEAL_LINE_SNAPSHOT_BYTES_MAX = 128,
};

struct seal_segment {
    struct uuid producer_id;
    uint64_t first;
    uint64_t last;
    struct digest digest; /* of the event `last` */
    struct digest sum;    /* of the digests of all of them */
};

struct seal_totals {
    uint64_t producers;
    uint64_t segments;
    uint64_t events;
};

/* One more segment, behind `last_producer_id` (not looked at when there is none yet). False when the numbers
 * overflow. */
bool seal_line_count(struct seal_totals *totals, const struct seal_segment *segment,
                     const struct uuid *last_producer_id);

/* A segment's line with its newline. Returns its size. */
size_t seal_line_format(const struct seal_segment *segment, char line[SEAL_LINE_BYTES_MAX]);

/* A line without its newline; false when it is no segment's. */
bool seal_line_parse(struct slice line, struct seal_segment *segment);

/* "<word> <value>": the value. False when the line does not begin so. */
bool seal_line_value(struct slice line, const char *word, struct slice *value);

#endif
