/* inquiry: does over the line what confirming wants done (producer/confirm.h): asks, looks, sends a few events again.
 *
 * A server that refuses a question, since we may not ask it above all, and a disk that does not give what is to be sent
 * again, are told of and waited for; they never hold up events. What has to be sent again, and what is forgotten, is
 * read from the spool. */
#ifndef TASKLEDGER_PRODUCER_INQUIRY_H
#define TASKLEDGER_PRODUCER_INQUIRY_H

#include "producer/carrier.h"
#include "producer/confirm.h"
#include "producer/parcel.h"
#include "producer/spool/spool.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of it borrowed. */
struct inquiry {
    struct confirm *confirm;
    struct spool *spool; /* where it can be read again; NULL: nowhere at the moment */
    struct carrier *carrier;
    struct parcel *parcel; /* to use: there is nothing in it */
};

struct inquiry_news {
    uint64_t confirmed; /* the ledger has everything up to this ordinal; 0: nothing new */
    uint64_t lost;      /* Redis has lost everything from this ordinal on; 0: it has not */
    size_t resent;      /* events that were sent again */
    bool refused;       /* Redis refused to answer, or the disk: */
    struct error refusal;
};

/* Do what is due, if something is. The line must be up; afterwards it may be down. False: could not. */
bool inquiry_step(const struct inquiry *inquiry, bool in_hurry, struct inquiry_news *news, struct error *error);

#endif
