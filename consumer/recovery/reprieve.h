/* reprieve: events that an older version did not understand, and this one may.
 *
 * A newer producer says what an older consumer has no word for: an unknown body or status is set aside, with its bytes.
 * The consumer that holds the watermark looks through those once, page by page, and applies what it understands, as if
 * it came from the stream now; the row is resolved then. What it still does not understand is left alone. */
#ifndef TASKLEDGER_CONSUMER_RECOVERY_REPRIEVE_H
#define TASKLEDGER_CONSUMER_RECOVERY_REPRIEVE_H

#include "consumer/postgres/postgres.h"
#include "consumer/sink.h"
#include "consumer/stream/keys.h"

#include <stdbool.h>
#include <stdint.h>

enum { REPRIEVE_PAGE_MAX = 50 };

struct reprieve {
    struct postgres *postgres; /* borrowed */
    struct sink sink;          /* where events go */
    const char *version;       /* of this program */
    struct keys keys;          /* owned */
    int64_t after;             /* the last row looked at */
    bool is_done;
    uint64_t applied;
};

/* The first three are set, the rest is zero. False when memory is short. */
bool reprieve_init(struct reprieve *reprieve, const char *stream, unsigned shards);
void reprieve_close(struct reprieve *reprieve);

/* The next page, if there may be one. The session with PostgreSQL is open, and we hold the watermark in it. */
bool reprieve_round(struct reprieve *reprieve, struct error *error);

#endif
