#include "proto/cluster_inside.h"
#include "proto/redis_error.h"

enum { REST_MIN_MS = 100, REST_DOUBLINGS_MAX = 6 /* 6.4 s */ };

/* What ends a wait of ours, and what we are short of, is about no node. */
static bool is_of_the_node(const struct error *why)
{
    return !redis_error_is(why, "canceled") && !redis_error_is(why, "memory");
}

bool cluster_away_alone(const struct cluster *cluster, const struct error *why)
{
    return cluster->settings->nodes_fail_alone && is_of_the_node(why);
}

/* So far as we know, and who serves slots: the others may be gone for good. */
static bool is_anybody_there(const struct cluster *cluster)
{
    for (unsigned slot = 0; slot < CLUSTER_SLOTS; slot++) {
        const struct redis_url_node *owner = cluster_map_owner(&cluster->map, slot);

        if (owner != NULL && cluster->away[owner - cluster->map.nodes].failures == 0)
            return true;
    }
    return false;
}

bool cluster_away_note(struct cluster *cluster, unsigned place, const struct error *why)
{
    struct cluster_away *away = &cluster->away[place];
    struct redis_link *link = atomic_load(&cluster->links[place].to);
    int doublings = away->failures < REST_DOUBLINGS_MAX ? (int)away->failures : REST_DOUBLINGS_MAX;

    if (!cluster_away_alone(cluster, why))
        return false;
    cluster->away_last = place;
    cluster->away_why = *why;
    away->kind = why->kind;
    away->reason = why->reason;
    away->failures++;
    away->not_before_us = clock_deadline_us(cluster->settings->clock, (int64_t)REST_MIN_MS << doublings);
    if (link != NULL)
        redis_link_close(link);
    cluster_kept_lose(&cluster->kept, place, cluster->redirects > 0);
    cluster_doubt(cluster);
    return is_anybody_there(cluster);
}

bool cluster_away_rests(const struct cluster *cluster, unsigned place)
{
    const struct redis_link *link = atomic_load(&cluster->links[place].to);

    return (link == NULL || !redis_link_is_open(link)) && cluster->away[place].failures > 0 &&
           clock_left_ms(cluster->settings->clock, cluster->away[place].not_before_us) > 0;
}

bool cluster_away_tell(const struct cluster *cluster, unsigned place, struct error *error)
{
    const struct cluster_away *away = &cluster->away[place];

    if (place == cluster->away_last) {
        *error = cluster->away_why;
        return false;
    }
    return error_set(error, away->kind, away->reason, "%s reach this node: it is tried again after a while",
                     away->kind == ERROR_FATAL ? "cannot" : "could not");
}

void cluster_away_heard(struct cluster *cluster, unsigned place)
{
    cluster->away[place].failures = 0;
}
