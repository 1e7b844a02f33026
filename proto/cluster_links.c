#include "proto/cluster_inside.h"

#include <stdlib.h>

/* Published when it is whole: another thread may fork at any moment. */
struct redis_link *cluster_links_make(const struct cluster *cluster, struct cluster_link *place, struct error *error)
{
    struct redis_link *link = atomic_load(&place->to);

    if (link != NULL)
        return link;
    link = calloc(1, sizeof *link);
    if (link == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "could not connect: out of memory");
        return NULL;
    }
    redis_link_init(link, cluster->settings);
    atomic_store(&place->to, link);
    return link;
}

static bool is_open(const struct redis_link *link)
{
    return link != NULL && redis_link_is_open(link);
}

/* What is taken away from a place was closed: nothing is lost if another thread forks in between. */
static void adopt_detour(struct cluster *cluster, struct cluster_link *place)
{
    struct redis_link *closed = atomic_load(&place->to);

    atomic_store(&place->to, atomic_load(&cluster->detour.to));
    atomic_store(&cluster->detour.to, closed);
}

struct redis_link *cluster_links_at(struct cluster *cluster, size_t place, struct error *error)
{
    struct cluster_link *link = &cluster->links[place];

    if (!is_open(atomic_load(&link->to)) && is_open(atomic_load(&cluster->detour.to)) && cluster->redirects == 0 &&
        redis_url_same_node(&cluster->aside, &cluster->map.nodes[place]))
        adopt_detour(cluster, link);
    return cluster_links_make(cluster, link, error);
}

bool cluster_links_open(struct cluster *cluster, struct redis_link *link, const struct redis_url_node *node,
                        int64_t connect_by_us, struct error *error)
{
    const struct redis_url_server server = redis_url_server(&cluster->settings->url, node);

    cluster->asked = *node;
    return redis_link_is_open(link) || redis_link_open(link, &server, connect_by_us, error);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static void for_each(struct cluster *cluster, void (*act)(struct redis_link *link))
{
    for (size_t i = 0; i <= CLUSTER_NODES_MAX; i++) {
        struct redis_link *link = atomic_load(i < CLUSTER_NODES_MAX ? &cluster->links[i].to : &cluster->detour.to);

        if (link != NULL)
            act(link);
    }
}

static void free_link(struct redis_link *link)
{
    redis_link_free(link);
    free(link);
}

void cluster_links_close(struct cluster *cluster)
{
    for_each(cluster, redis_link_close);
}

void cluster_links_abandon(struct cluster *cluster)
{
    for_each(cluster, redis_link_abandon);
}

void cluster_links_free(struct cluster *cluster)
{
    for_each(cluster, free_link);
}
