/* legacy: one item of the list of a pub/sub + list pair, as an event.
 *
 *   in the item                                   in the event
 *   task_request_id, a string or a whole number   task_id
 *   status, a string (legacy_status.h)            status
 *   timestamp (legacy_time.h)                     occurred_at; without one, now
 *   task_name, worker_container, strings          task_name, worker
 *   data.error, a string                          error.message
 *   data.error, an object                         its type, message and traceback: error.type ...; the rest stays
 *   data.error_type, .error_message, .traceback   error.type, error.message, error.traceback, unless data.error said it
 *   all else in data, and beside it               data
 *
 * So nothing is dropped: what has no place of its own, or not the type that its place wants, is in data under its name,
 * but for null and "". Where a name is both in data and beside it, the one in data counts. An error's text that exceeds
 * the limits below is cut, the traceback at its beginning, and is in data whole. NaN and infinities, which Python writes
 * and JSON does not have, are null. */
#ifndef TASKLEDGER_PRODUCER_EMIT_BRIDGE_LEGACY_H
#define TASKLEDGER_PRODUCER_EMIT_BRIDGE_LEGACY_H

#include "producer/emit/bridge/legacy_status.h"
#include "producer/taskledger/producer.h"
#include "proto/error.h"
#include "proto/json_writer.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    LEGACY_ERROR_TYPE_BYTES = 1024,
    LEGACY_ERROR_MESSAGE_BYTES = 8 * 1024,
    LEGACY_TRACEBACK_BYTES = 16 * 1024,
    LEGACY_ID_BYTES = 24, /* of a number, with the NUL */
};

struct legacy_rules {
    struct legacy_status_map statuses;
    const char *zone; /* of times that tell none; legacy_time_is_zone */
};

/* Zeroed is ready; keeps its memory from item to item. */
struct legacy {
    struct taskledger_event event; /* borrows from the rest */
    bool is_undated;               /* its timestamp means nothing; it is in data */

    char *text; /* owned */
    size_t capacity;
    struct json_writer data;
    char id[LEGACY_ID_BYTES];
    char error_type[LEGACY_ERROR_TYPE_BYTES + 1];
    char error_message[LEGACY_ERROR_MESSAGE_BYTES + 1];
    char traceback[LEGACY_TRACEBACK_BYTES + 1];
};

/* Fill `event`, valid until the next item. Limits that the library checks are not checked here. REJECTED, "invalid",
 * naming the key; TRANSIENT, "memory". */
bool legacy_parse(struct legacy *legacy, struct slice item, const struct legacy_rules *rules, struct error *error);

void legacy_close(struct legacy *legacy);

#endif
