/* keeper: the thread of a producer that sees to its spool.
 *
 * It makes the spool when it is first wanted, writes what the outbox wants written (producer/outbox_spool.h tells when
 * that is), syncs it now and then, and, when the producer is closed, puts what is left where the next one finds it. All
 * that can hang on a disk happens here, or in an emit for which the disk was well a moment ago.
 *
 * All signals are blocked in it. It ends when its outbox is stopped, and owns all it uses, so that nobody has to wait
 * for it. */
#ifndef TASKLEDGER_PRODUCER_KEEPER_H
#define TASKLEDGER_PRODUCER_KEEPER_H

#include "producer/outbox.h"
#include "producer/settings.h"

/* Start one for this outbox if it wants one and has none. If that fails the outbox knows, and it is tried again at a
 * later call, after a second. Borrows the settings for the call only. */
void keeper_ensure(struct outbox *outbox, const struct settings *settings);

#endif
