/* record_json: a record as a line of JSON.
 *
 *   {"kind":"loss","detected_at":"2026-11-22T05:00:00.000000Z","loss_kind":"gap","first_sequence":4,...}
 *
 * What is NULL in the ledger is left out. A reader passes over names that it does not know. */
#ifndef TASKLEDGER_REPLAY_TRANSFER_RECORD_JSON_H
#define TASKLEDGER_REPLAY_TRANSFER_RECORD_JSON_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/json_writer.h"
#include "replay/transfer/record.h"

#include <stdbool.h>

/* The line with its line feed, behind what the writer holds. FATAL, "memory". */
bool record_json_write(const struct record *record, struct json_writer *json, struct arena *arena, struct error *error);

/* The line without its line feed; values live in the arena or borrow from the line. `kind` is 0 when it is not known.
 * REJECTED, "archive", for what is no record; FATAL, "memory". */
bool record_json_read(struct slice line, struct arena *arena, struct record *record, struct error *error);

#endif
