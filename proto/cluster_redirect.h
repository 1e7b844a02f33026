/* cluster_redirect: where a server of a Redis Cluster sends us.
 *
 *   MOVED slot host:port   it does not serve the slot; that node does, and will tomorrow: the map is mended
 *   ASK slot host:port     the slot is on its way there, and this key has arrived or is new: this one command is said
 *                          again there, behind an ASKING. Nothing is to be remembered: other keys of the slot may still
 *                          be here, and one that is made there too early keeps its older half from following
 *
 * Whoever says so has not executed the command: to say it again elsewhere is not to say it twice. */
#ifndef TASKLEDGER_PROTO_CLUSTER_REDIRECT_H
#define TASKLEDGER_PROTO_CLUSTER_REDIRECT_H

#include "proto/redis_url.h"
#include "proto/slice.h"

#include <stdbool.h>

enum cluster_redirect_kind { CLUSTER_MOVED, CLUSTER_ASK };

struct cluster_redirect {
    enum cluster_redirect_kind kind;
    unsigned slot;
    struct redis_url_node node;
};

/* Read an error answer, without its hyphen, of the node `asked`, whose host is meant where none is told. False: it
 * sends us nowhere, or to no place that can be understood. */
bool cluster_redirect_read(struct slice answer, const struct redis_url_node *asked, struct cluster_redirect *redirect);

#endif
