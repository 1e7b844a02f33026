/* sender: the one thread of a producer that talks to Redis. It takes events out of the outbox, in order, and has Redis
 * keep them.
 *
 * One parcel (producer/parcel.h) is on its way at a time. Whatever happens to it (no line, no answer in time, an error
 * answer) what Redis has not answered for is sent again, behind a wait that doubles up to a cap. Errors that an
 * operator must mend are waited out too, at the cap: nothing is given up.
 *
 * All signals are blocked in it. It ends when its outbox is stopped, and owns all it uses, so that nobody has to wait
 * for it. */
#ifndef TASKLEDGER_PRODUCER_SENDER_H
#define TASKLEDGER_PRODUCER_SENDER_H

#include "producer/outbox.h"
#include "producer/settings.h"

#include <stdbool.h>

/* Start one for this outbox if it has none. If that fails the outbox knows, and it is tried again at a later call:
 * after a second, or at once for one that is in a hurry. Borrows the settings for the call only. */
void sender_ensure(struct outbox *outbox, const struct settings *settings, bool in_hurry);

#endif
