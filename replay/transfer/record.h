/* record: one thing that an archive tells, in memory.
 *
 * A ledger is written out as records of a few kinds. Each kind is a table of fields (record.c): how it is called in
 * JSON lines, its number in protobuf (archive.proto says the same), its type, and the statements that read it out of a
 * ledger and put it into one. A value is what PostgreSQL sends and takes in binary, so on its way through it is only
 * copied.
 *
 * An archive is made of records in this order, so that it can be applied in one pass:
 *
 *   begin                              what it is, and of which ledger
 *   redactions                         before the events that were redacted
 *   producers, prune boundaries, bases
 *   rejected, losses
 *   events                             ascending by (producer_id, sequence)
 *   end                                how many there were, and the SHA-256 of every byte before: half an archive has none */
#ifndef TASKLEDGER_REPLAY_TRANSFER_RECORD_H
#define TASKLEDGER_REPLAY_TRANSFER_RECORD_H

#include "consumer/ledger/columns.h"
#include "consumer/postgres/postgres.h"
#include "proto/arena.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_FORMAT "taskledger-archive"

enum {
    RECORD_VERSION = 1,
    RECORD_FIELDS_MAX = 26,
    RECORD_BYTES_MAX = 16 * 1024 * 1024, /* written out: data may grow a hundredfold when jsonb spells its numbers */
};

/* In the order of an archive; also the numbers of the kinds in archive.proto. */
enum record_kind {
    RECORD_BEGIN = 1,
    RECORD_REDACTION,
    RECORD_PRODUCER,
    RECORD_BOUNDARY,
    RECORD_BASE,
    RECORD_REJECTED,
    RECORD_LOSS,
    RECORD_EVENT,
    RECORD_END,
    RECORD_KINDS,
};

enum record_type {
    RECORD_UUID,    /* JSON: text          protobuf: bytes, 16 */
    RECORD_INT4,    /* JSON: number        protobuf: int64 */
    RECORD_INT8,    /* the same */
    RECORD_TIME,    /* JSON: RFC 3339      protobuf: int64, Unix microseconds */
    RECORD_TEXT,    /* JSON: text          protobuf: string */
    RECORD_BYTES,   /* JSON: base64        protobuf: bytes */
    RECORD_DIGEST,  /* JSON: hexadecimal   protobuf: bytes, 32 */
    RECORD_DOUBLE,  /* JSON: number        protobuf: double */
    RECORD_BOOLEAN, /* JSON: true, false   protobuf: bool */
    RECORD_JSON,    /* JSON: an object     protobuf: string */
};

struct record_field {
    const char *name;
    uint32_t number; /* 0: only in JSON, for those who do not decode the payload; never read back */
    enum record_type type;
};

struct record_form {
    const char *name; /* "event" */
    const struct record_field *fields;
    size_t count;
    struct postgres_statement read;  /* its columns are the fields, of an event up to ROW_BODY; sql NULL: none */
    struct postgres_statement write; /* $1 ... are arrays of the fields; sql NULL: none, or see import_events.c */
};

/* By kind; the first one is empty. */
extern const struct record_form record_forms[RECORD_KINDS];

struct record {
    enum record_kind kind;
    struct slice values[RECORD_FIELDS_MAX]; /* borrowed; data NULL: not given */
};

/* "event" gives RECORD_EVENT; 0 when there is no such kind. */
enum record_kind record_kind_of(struct slice name);

/* The array type of a field, for consumer/ledger/columns.h. */
enum columns_type record_columns_type(enum record_type type);

/* Set a value of a record that is made here; false when the arena is exhausted. */
bool record_put_integer(struct record *record, size_t place, int64_t value, struct arena *arena);
bool record_put_time(struct record *record, size_t place, int64_t unix_us, struct arena *arena);

/* Numbers and times of a record; 0 when not given. */
int64_t record_integer(const struct record *record, size_t place);
int64_t record_time_us(const struct record *record, size_t place);

/* Places of fields. */
enum record_begin_place {
    BEGIN_FORMAT,
    BEGIN_VERSION,
    BEGIN_PROGRAM,
    BEGIN_LEDGER,
    BEGIN_SNAPSHOT,
    BEGIN_TAKEN_AT,
    BEGIN_SCOPE,
    BEGIN_SINCE,
    BEGIN_UNTIL,
};

enum record_producer_place { PRODUCER_ID, PRODUCER_PRUNED_AT = 10 };

enum record_event_place {
    ROW_PRODUCER_ID,
    ROW_SEQUENCE,
    ROW_OCCURRED_AT,
    ROW_RECORDED_AT,
    ROW_TASK_ID,
    ROW_STATUS,
    ROW_ATTEMPT,
    ROW_STREAM,
    ROW_STREAM_MS,
    ROW_STREAM_SEQ,
    ROW_PAYLOAD,
    ROW_REDACTED_DIGEST,
    ROW_BODY = 23, /* behind the columns: these two are made of the payload, see export_body.h */
    ROW_SAID,
};

enum record_end_place { END_RECORDS, END_EVENTS, END_DIGEST };

/* The columns of an event's record. */
#define RECORD_EVENT_COLUMNS                                                                                          \
    "e.producer_id, e.sequence, e.occurred_at, e.recorded_at, e.task_id, e.status, e.attempt, e.stream, e.stream_ms," \
    " e.stream_seq, e.payload, CASE WHEN e.payload = '' THEN (SELECT r.digest FROM taskledger.redaction AS r"         \
    " WHERE r.producer_id = e.producer_id AND r.sequence = e.sequence) END, e.task_name, e.parent_task_id, e.queue,"  \
    " e.worker, e.step, e.progress, e.message, e.error_type, e.error_message, e.data, e.traceparent"

#endif
