/* export: what the parts of the command share. */
#ifndef TASKLEDGER_REPLAY_TRANSFER_EXPORT_H
#define TASKLEDGER_REPLAY_TRANSFER_EXPORT_H

#include "replay/arguments.h"
#include "replay/command.h"
#include "replay/console.h"
#include "replay/ledger.h"
#include "replay/transfer/archive.h"
#include "replay/transfer/cursor.h"
#include "replay/transfer/record.h"

#include <stdbool.h>
#include <stdint.h>

enum export_scope { EXPORT_WHOLE, EXPORT_WINDOW, EXPORT_INCREMENT };

struct export
{
    struct replay *replay;
    enum export_scope scope;
    struct arguments_span window;
    struct ledger ledger;
    struct archive archive;
    struct cursor cursor; /* of an increment */
    struct arena arena;   /* of one event's body */
    struct console_progress progress;
    uint64_t expected_events;
};

/* One row whose columns are the fields of a record. */
bool export_put(struct export *export, enum record_kind kind, const struct postgres_row *row, struct error *error);

/* The events that the cursor does not know, and the next cursor, which is not finished. */
bool export_increment(struct export *export, struct error *error);

#endif
