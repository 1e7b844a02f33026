/* feed_epoch: which history the places of the feed belong to.
 *
 * Redis gives a stream no name that dies with it, so the ledger tells: it records each stream that went back
 * (consumer/recovery/heads.h), and each time that it went back itself (consumer/recovery/setback.h). The epoch is a digest
 * of the ledger's birth, the last such record, the stream's name and the number of shards. All monitors of one ledger
 * agree, also after a restart.
 *
 * It changes when the consumer has noticed, about a second after the fact; until then a stream of lesser IDs is
 * recognised by replay/web/feed/feed_plan.h. */
#ifndef TASKLEDGER_REPLAY_WEB_FEED_FEED_EPOCH_H
#define TASKLEDGER_REPLAY_WEB_FEED_FEED_EPOCH_H

#include "consumer/postgres/postgres.h"
#include "proto/error.h"
#include "replay/web/feed/feed_id.h"

#include <stdbool.h>

enum { FEED_EPOCH_LOOK_MS = 2000 }; /* how often to look whether it changed */

/* The epoch of now. Fails as the session does. */
bool feed_epoch_read(struct postgres *postgres, const char *stream, unsigned shards, char epoch[FEED_ID_EPOCH_BYTES],
                     struct error *error);

#endif
