/* claim: a task that is started once, as Redis keeps it.
 *
 *   key     taskledger:claim:{TASK_ID}, a hash
 *   fields  attempt   the greatest that was ever given
 *           token     of the holder, and with it
 *           holder    what others are told
 *           since_ms  when it was granted, Unix time
 *           until_ms  when it runs out
 *
 * All times are the server's. Without a token it is free, and so it is behind until_ms. An operator who frees it leaves an
 * empty token and an until_ms of 0, so that who had it does not take it for forgotten. A new holder's attempt is one
 * more than the last, or the seconds since 2020 began where that is greater: by the server's clock, or by the latest
 * time that this process was ever told, whichever is later, since a server that takes over from another may be behind.
 * The key stays for a day behind the lease: by then the seconds have overtaken every attempt. */
#ifndef TASKLEDGER_PRODUCER_LEASE_CLAIM_H
#define TASKLEDGER_PRODUCER_LEASE_CLAIM_H

#include "producer/lease/errand.h"

#define CLAIM_KEY "taskledger:claim:"

bool claim_append(struct redis *redis, const struct errand *errand, struct error *error);

/* False: it has not the shape of an answer. */
bool claim_read(const struct reply *reply, struct verdict *verdict);

/* What the next holder's attempt will be at least, if it is granted at `server_ms` or later. */
int64_t claim_attempt_at(int64_t server_ms);

#endif
