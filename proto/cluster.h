/* cluster: the line of proto/redis.h to a Redis Cluster.
 *
 * Commands go to the node that has their key, and answers come in the order of the commands, whoever gives them. One
 * link to each node, made when something is said there first. Who has what is asked of the nodes and seeds in turn,
 * when connecting, each within half of the time that is left; an answer that leaves slots without an owner counts only
 * when a second node knows no more, and an empty one never. It is asked again, of another node first, when a node gives
 * reason to doubt it (cluster_doubt).
 *
 * Redirections are followed here: callers see the answer, as if it had come from the first node. A command that is
 * redirected is said again over one further link, the detour, on which there is never more than one; so the answers
 * that others owe stay in their order. When it leads where a link is wanted it becomes that link. A MOVED mends the map,
 * an ASK does not (proto/cluster_redirect.h). After CLUSTER_REDIRECTS_MAX of them for one command the last is its
 * answer: TRANSIENT, "moved" or "ask".
 *
 * When any link fails all are closed, and what was on its way is forgotten, as with one server: callers know one kind
 * of failure. But with nodes_fail_alone only what is said to that node fails, each command with the error for its
 * answer, and the node is called again after a rest that doubles from 0.1 to 6.4 s. */
#ifndef TASKLEDGER_PROTO_CLUSTER_H
#define TASKLEDGER_PROTO_CLUSTER_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/redis_settings.h"
#include "proto/redis_url.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLUSTER_REDIRECTS_MAX = 5 };

struct cluster;

/* The settings, which name seeds, are borrowed. NULL: no memory. */
struct cluster *cluster_new(const struct redis_settings *settings);
void cluster_free(struct cluster *cluster);

/* Have a node say who has what. */
bool cluster_connect(struct cluster *cluster, int64_t connect_by_us, struct error *error);
void cluster_disconnect(struct cluster *cluster);
bool cluster_is_connected(const struct cluster *cluster);

/* The node that answered last cannot be written to, or does not know all of the cluster: somebody else may be the
 * master by now. Before another command is said, but once a second at most, the others are asked. */
void cluster_doubt(struct cluster *cluster);

/* As redis_abandon: links are published when they are whole and stay until cluster_free, so a fork at any moment finds
 * all there are. */
void cluster_abandon(struct cluster *cluster);

/* As the functions of proto/redis.h that end so, on a connected line. Append may have to open a link, and to ask anew who
 * has what, each of which takes up to the connect timeout. Receive_part that meets a redirection says the command again, and returns with nothing visited
 * and the answer not complete. */
bool cluster_append(struct cluster *cluster, const struct slice *words, size_t count, struct error *error);
bool cluster_send(struct cluster *cluster, struct error *error);
bool cluster_receive(struct cluster *cluster, struct arena *arena, int extra_wait_ms, struct reply *reply,
                     struct error *error);
bool cluster_receive_part(struct cluster *cluster, const struct redis_visitor *visitor, size_t part_bytes,
                          int extra_wait_ms, bool *complete, struct error *error);

/* Of the link over which the next answer comes. */
bool cluster_has_input(const struct cluster *cluster);
bool cluster_has_buffered(const struct cluster *cluster);
int cluster_descriptor(const struct cluster *cluster);

size_t cluster_nodes(const struct cluster *cluster);
void cluster_describe_node(const struct cluster *cluster, size_t node, char *place, size_t size);
void cluster_turn_to(struct cluster *cluster, size_t node);

/* The node that did, or said, what was told last. NULL: none. Lives until the next call. */
const struct redis_url_node *cluster_asked(const struct cluster *cluster);

#endif
