/* legacy_status: what statuses are called elsewhere, and what they mean here.
 *
 * The eight names, and what Celery, RQ and hand-made workers say: `started` is RUNNING, `completed` SUCCESS, `revoked`
 * CANCELLED; the whole table is in legacy_status.c and in deploy/MIGRATION.md. Case does not count, and a hyphen or a
 * space is an underscore. */
#ifndef TASKLEDGER_PRODUCER_EMIT_BRIDGE_LEGACY_STATUS_H
#define TASKLEDGER_PRODUCER_EMIT_BRIDGE_LEGACY_STATUS_H

#include "producer/taskledger/producer.h"
#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum { LEGACY_STATUS_OWN_MAX = 64 };

/* What the user says, before the table. Zeroed: nothing. */
struct legacy_status_map {
    struct {
        struct slice word; /* borrowed */
        enum taskledger_status status;
    } own[LEGACY_STATUS_OWN_MAX];
    size_t count;
};

/* From "done=SUCCESS,halted=CANCELLED"; NULL adds nothing. Borrows the text. FATAL, "usage". */
bool legacy_status_read(struct legacy_status_map *map, const char *text, struct error *error);

/* False: nobody knows. */
bool legacy_status_find(const struct legacy_status_map *map, struct slice word, enum taskledger_status *status);

#endif
