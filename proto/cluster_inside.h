/* cluster_inside: what the parts of a cluster's line share. Seen by cluster*.c only.
 *
 * cluster.c speaks; cluster_links.c keeps the links; cluster_learn.c finds out who has what;
 * cluster_away.c knows who is away. */
#ifndef TASKLEDGER_PROTO_CLUSTER_INSIDE_H
#define TASKLEDGER_PROTO_CLUSTER_INSIDE_H

#include "proto/cluster.h"
#include "proto/cluster_kept.h"
#include "proto/cluster_map.h"
#include "proto/redis_link.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL until it is needed for the first time; from then on it stays. */
struct cluster_link {
    _Atomic(struct redis_link *) to;
};

/* A node that could not be reached, or fell silent. */
struct cluster_away {
    enum error_kind kind;
    const char *reason;
    unsigned failures;     /* since it was heard; 0: it is not away */
    int64_t not_before_us; /* it is called again */
};

struct cluster {
    const struct redis_settings *settings;
    struct cluster_map map;
    struct cluster_kept kept;
    struct cluster_link links[CLUSTER_NODES_MAX]; /* to the node that has this place in the map */
    struct cluster_away away[CLUSTER_NODES_MAX];  /* that node */
    unsigned away_last;                           /* who went away last ... */
    struct error away_why;                        /* ... and why, in words */
    struct cluster_link detour;
    struct redis_url_node aside; /* where the detour leads */
    struct redis_url_node asked; /* who did or said what was told last */
    unsigned turned_to;          /* whom to ask what has no key */
    size_t candidate;            /* whom to ask for the map first */
    unsigned redirects;          /* of the front; above 0 its answer comes over the detour */
    bool is_connected;
    bool is_doubted;                /* the map */
    struct redis_url_node doubtful; /* who gave the last reason for that */
    int64_t not_before_us;          /* it is asked for again */
};

/* Have a node say who has what, over the detour, on which nothing is. */
bool cluster_learn(struct cluster *cluster, struct redis_link *link, int64_t connect_by_us, struct error *error);

/* The same when it is doubted and the detour is free: nodes keep their places, and what is on its way goes on. If
 * nobody knows better all stays as it is, and so it does while there are no places for new nodes and something is on its
 * way. */
void cluster_learn_again(struct cluster *cluster);

/* Is what happened the affair of one node, by the settings? */
bool cluster_away_alone(const struct cluster *cluster, const struct error *why);

/* Then: hang up on the node of this place, of which all that is on its way is lost, and let it rest. False: it is not,
 * or nobody is left. */
bool cluster_away_note(struct cluster *cluster, unsigned place, const struct error *why);

/* It is not to be called yet. */
bool cluster_away_rests(const struct cluster *cluster, unsigned place);

/* The error of what is said to it. Returns false. */
bool cluster_away_tell(const struct cluster *cluster, unsigned place, struct error *error);
void cluster_away_heard(struct cluster *cluster, unsigned place);

/* The link of this place. NULL: no memory. */
struct redis_link *cluster_links_make(const struct cluster *cluster, struct cluster_link *place, struct error *error);

/* The same for the node of this place. A detour that leads there and is not in use becomes it. */
struct redis_link *cluster_links_at(struct cluster *cluster, size_t place, struct error *error);

/* To this node, if it is not open. */
bool cluster_links_open(struct cluster *cluster, struct redis_link *link, const struct redis_url_node *node,
                        int64_t connect_by_us, struct error *error);

/* All of them. */
void cluster_links_close(struct cluster *cluster);
void cluster_links_abandon(struct cluster *cluster);
void cluster_links_free(struct cluster *cluster);

#endif
