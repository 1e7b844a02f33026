/* import: what the parts of the command share. */
#ifndef TASKLEDGER_REPLAY_TRANSFER_IMPORT_H
#define TASKLEDGER_REPLAY_TRANSFER_IMPORT_H

#include "consumer/ledger/apply.h"
#include "consumer/source.h"
#include "replay/change.h"
#include "replay/command.h"
#include "replay/console.h"
#include "replay/transfer/frames.h"
#include "replay/transfer/manifest.h"
#include "replay/transfer/record.h"

#include <stdbool.h>
#include <stdint.h>

struct import {
    struct replay *replay;
    struct change change;
    struct apply *apply;
    struct frames frames;         /* of a file */
    uint64_t expected;            /* records, respectively 0: not known */
    uint64_t entries;             /* given to the sink */
    uint64_t added[RECORD_KINDS]; /* of the books */
    struct arena arena;           /* of what is being read */
    struct console_progress progress;
};

/* The books: everything before the first event, which is left in `record`; or the end. FATAL: "archive", "usage". */
bool import_books(struct import *import, struct record *record, struct error *error);

/* Where events come from: the rest of the file, from `first` on. `memory` is this file's own: import_events_new. */
struct import_events;
struct import_events *import_events_new(struct import *import, const struct record *first, struct error *error);
struct source import_events_source(struct import_events *events);
void import_events_free(struct import_events *events);

/* Where events come from: what the streams hold in a range. Made of what was asked for, FATAL "usage"; nothing is
 * looked at before it is opened. */
struct import_stream;
struct import_stream *import_stream_new(struct import *import, struct error *error);
bool import_stream_open(struct import_stream *stream, struct error *error);
struct source import_stream_source(struct import_stream *stream);
void import_stream_free(struct import_stream *stream);

#endif
