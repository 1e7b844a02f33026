/* settled: what is settled in a stream, read backwards, a page at a time.
 *
 * Settled is what was delivered to the group and is not pending. Pending entries are asked for after the others were
 * read: what was not pending then had been acknowledged before, hence committed before, hence whoever looks into the
 * ledger after that sees it. Only entries that tell who said them are of interest; none is decoded, since a crash may
 * be what one of them was set aside for. */
#ifndef TASKLEDGER_CONSUMER_RECOVERY_SETTLED_H
#define TASKLEDGER_CONSUMER_RECOVERY_SETTLED_H

#include "consumer/stream/pending.h"
#include "proto/digester.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SETTLED_PAGE_MAX = 1000 };

struct settled_entry {
    struct stream_id id;
    struct uuid producer_id;
    uint64_t sequence;
    struct digest digest; /* of its bytes */
};

struct settled {
    struct settled_entry *entries; /* of this page, the latest first; owned, as are the next three */
    struct entry *slots;
    struct digester *digester;
    struct arena arena;
    size_t count;

    size_t seen;             /* entries of this page, also those that are left out */
    struct stream_id oldest; /* of those seen; valid when there are any */
};

/* `settled` is zeroed. False when memory is short. */
bool settled_init(struct settled *settled);
void settled_close(struct settled *settled);

/* The `size` latest entries up to this ID, at most SETTLED_PAGE_MAX, less those that are pending in the group; fewer
 * seen means that the stream begins there. The line has nothing outstanding; `where` needs no arena. */
bool settled_read(struct settled *settled, struct pending where, struct stream_id last, size_t size,
                  struct error *error);

#endif
