/* cluster_key: which word of a command is its key, so that it goes to the node that has it.
 *
 * The first one, if there are several: the others have to be in the same slot, and the server refuses what is not. A
 * wrong guess about a command that is not known here costs a redirection, no more. */
#ifndef TASKLEDGER_PROTO_CLUSTER_KEY_H
#define TASKLEDGER_PROTO_CLUSTER_KEY_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* False: it has none; any node can answer. */
bool cluster_key(const struct slice *words, size_t count, struct slice *key);

#endif
