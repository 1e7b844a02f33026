/* history_rows: an event, and an attempt, as rows of an answer. */
#ifndef TASKLEDGER_REPLAY_HISTORY_HISTORY_ROWS_H
#define TASKLEDGER_REPLAY_HISTORY_HISTORY_ROWS_H

#include "proto/digest.h"
#include "proto/event.h"
#include "replay/history/timeline.h"
#include "replay/output/output.h"

#include <stdint.h>

enum { HISTORY_ROWS_ID_BYTES = 48, HISTORY_ROWS_NOTE_BYTES = 128, HISTORY_ROWS_SAID_BY_BYTES = 40 };

extern const struct section history_rows_events;
extern const struct section history_rows_attempts;

/* With --raw. Its last columns are what it tells of the bytes. */
extern const struct section history_rows_raw;
enum { HISTORY_ROWS_OF_BYTES = 6 };

/* An event's bytes, as texts. */
struct history_rows_bytes {
    struct slice stream;
    char stream_id[HISTORY_ROWS_ID_BYTES];
    size_t size;
    char sha256[DIGEST_HEX_BYTES];
    struct slice payload; /* hexadecimal in tables, else base64 */
    struct slice fields;  /* as raw_fields has them */
};

/* What is known of an event besides itself. */
struct history_rows_event {
    struct event event;
    bool is_readable;
    bool is_redacted;
    struct slice redacted_because;
    bool is_contested; /* other bytes with the same identity were set aside */
    bool is_duplicate; /* it says the very same as the one before it */
    bool is_archived;
    int64_t recorded_at_us; /* PROJECTION_NEVER: not archived yet */
    int64_t after_us;       /* since the event before it in the same attempt */
    bool has_after;
    enum timeline_mark mark;
    struct history_rows_bytes bytes; /* of history_rows_raw only */
};

/* The values of a row, in the order of its section's columns, and the texts that are made for them. */
struct history_rows_cells {
    struct value values[OUTPUT_COLUMNS_MAX];
    char producer_id[UUID_TEXT_BYTES];
    char said_by[HISTORY_ROWS_SAID_BY_BYTES];
    char note[HISTORY_ROWS_NOTE_BYTES];
};

/* Texts of the row are borrowed. */
void history_rows_fill_event(struct history_rows_cells *cells, const struct history_rows_event *row);
void history_rows_fill_raw(struct history_rows_cells *cells, const struct history_rows_event *row);
void history_rows_fill_attempt(struct history_rows_cells *cells, const struct timeline_attempt *attempt);

void history_rows_write_event(struct output *output, const struct history_rows_event *row);
void history_rows_write_raw(struct output *output, const struct history_rows_event *row);
void history_rows_write_attempt(struct output *output, const struct timeline_attempt *attempt);

#endif
