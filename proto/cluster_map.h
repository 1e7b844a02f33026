/* cluster_map: who serves which slot of a Redis Cluster, as far as we know.
 *
 * Read whole from the answer to CLUSTER SLOTS, which every server since 3.0 gives, and mended slot by slot by what
 * redirections tell. It may be out of date at any time: whoever asks the wrong node is told so.
 *
 *   [[first slot, last slot, [host, port, id, ...], [replica], ...], ...]
 *
 * A host that is empty or nil is the one that was asked. A row that names no usable host and port is left out; its
 * slots have no owner, as those that nobody serves.
 *
 * A node keeps its place in `nodes` until the map is read again. */
#ifndef TASKLEDGER_PROTO_CLUSTER_MAP_H
#define TASKLEDGER_PROTO_CLUSTER_MAP_H

#include "proto/cluster_slot.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/redis_url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLUSTER_NODES_MAX = 128 };

/* Zeroed, nothing is known. */
struct cluster_map {
    struct redis_url_node nodes[CLUSTER_NODES_MAX];
    size_t count;
    uint8_t owners[CLUSTER_SLOTS]; /* the place of the node in `nodes`, from 1 on; 0: not known */
};

/* Replace all of it by this answer of the node `asked`. TRANSIENT, "protocol", when it is none to this question: the
 * map is then as it was. FATAL, "config", when there are more masters than CLUSTER_NODES_MAX: nothing is known then. */
bool cluster_map_read(struct cluster_map *map, const struct reply *reply, const struct redis_url_node *asked,
                      struct error *error);

/* How many slots have an owner. */
size_t cluster_map_slots(const struct cluster_map *map);

/* Take over who owns what from `told`; nodes that are known keep their places, others get one. False, and nothing
 * changed but for new nodes, when there is no room for them. */
bool cluster_map_renew(struct cluster_map *map, const struct cluster_map *told);

/* NULL: not known. Lives until the map is read again. */
const struct redis_url_node *cluster_map_owner(const struct cluster_map *map, unsigned slot);

/* From now on `node` serves this slot. False, and nothing changed, when there is no room for another node. */
bool cluster_map_move(struct cluster_map *map, unsigned slot, const struct redis_url_node *node);

#endif
