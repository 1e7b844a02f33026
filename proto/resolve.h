/* resolve: a host's addresses, with a deadline.
 *
 * getaddrinfo(3) can neither be given a deadline nor be interrupted; a resolver that does not answer holds it for half
 * a minute. So a name is looked up by a thread of its own, with all signals blocked, and whoever waits may give up. A
 * lookup that was given up goes on and is joined by the next call: a resolver has never more than one thread. Numeric
 * addresses need none. */
#ifndef TASKLEDGER_PROTO_RESOLVE_H
#define TASKLEDGER_PROTO_RESOLVE_H

#include "proto/deadline.h"
#include "proto/error.h"

#include <stdbool.h>

struct addrinfo;
struct resolve_lookup;

enum { RESOLVE_LOOKUPS_MAX = 8 };

/* Zeroed is ready. */
struct resolve {
    struct resolve_lookup *lookups[RESOLVE_LOOKUPS_MAX]; /* each under way for another host, or NULL */
};

/* All stream addresses of the host in the order to try them; the caller frees them by freeaddrinfo(3). TRANSIENT:
 * "timeout", "canceled", "lookup" (also when there is no such name, since tomorrow there may be, and when too many
 * others are under way), "memory". */
bool resolve_host(struct resolve *resolve, const char *host, const char *port, const struct deadline *deadline,
                  struct addrinfo **addresses, struct error *error);

/* Leaves lookups under way to themselves. */
void resolve_close(struct resolve *resolve);

#endif
