/* permit: one of N at once, as Redis keeps it.
 *
 *   taskledger:permit:{NAME}           who has one: a sorted set, token by when it runs out
 *   taskledger:permit:{NAME}:queue     who stands in the line: token by number, in the order of coming
 *   taskledger:permit:{NAME}:waiting   until when, unless they ask again: token by time
 *   taskledger:permit:{NAME}:holders   what others are told of both: a hash, token to holder
 *   taskledger:permit:{NAME}:freed     taken from who had it, by an operator: token by when it would have run out
 *
 * Times are Unix milliseconds, the server's. Whoever asks, and is among the first in the line, as many as there are
 * permits left by his own limit, gets one. All of it expires a minute after the last of them. What Redis has forgotten is
 * taken back by who renews it, if there is room; not what was freed. */
#ifndef TASKLEDGER_PRODUCER_LEASE_PERMIT_H
#define TASKLEDGER_PRODUCER_LEASE_PERMIT_H

#include "producer/lease/errand.h"

#define PERMIT_KEY "taskledger:permit:"

/* Who stands in a line loses his place when he does not ask again for so long. */
enum { PERMIT_TICKET_MS = 5000 };

bool permit_append(struct redis *redis, const struct errand *errand, struct error *error);

/* False: it has not the shape of an answer. */
bool permit_read(const struct reply *reply, struct verdict *verdict);

#endif
