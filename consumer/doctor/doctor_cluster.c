#include "consumer/doctor/doctor_cluster.h"

#include "proto/cluster_map.h"
#include "proto/stream.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROW_WITHOUT_REPLICA = 3 }; /* first slot, last slot, master */

struct view {
    struct cluster_map map;
    unsigned shards;                       /* of the stream */
    unsigned shards_of[CLUSTER_NODES_MAX]; /* at each master */
    unsigned uncovered;                    /* slots */
    bool alone;                            /* a master is, without a replica */
    bool one_slot;                         /* all shards are in the same */
};

static void count_shards(struct view *view, const char *stream)
{
    unsigned first = 0;

    view->one_slot = view->shards > 1;
    for (unsigned shard = 0; shard < view->shards; shard++) {
        char key[STREAM_KEY_BYTES_MAX];

        stream_key(stream, view->shards, shard, key);
        unsigned slot = cluster_slot(slice_from_text(key));
        const struct redis_url_node *owner = cluster_map_owner(&view->map, slot);
        if (owner != NULL)
            view->shards_of[owner - view->map.nodes]++;
        if (shard == 0)
            first = slot;
        view->one_slot = view->one_slot && slot == first;
    }
}

static bool look(struct doctor_redis *redis, struct view *view)
{
    static const struct redis_url_node unnamed = {.host = "localhost"};

    if (!doctor_redis_ask(redis, "CLUSTER SLOTS", NULL))
        return false;
    if (!cluster_map_read(&view->map, &redis->answer, &unnamed, &redis->why)) {
        doctor_report_unknown(&redis->finding, "CLUSTER SLOTS", &redis->why);
        return false;
    }
    for (unsigned slot = 0; slot < CLUSTER_SLOTS; slot++)
        view->uncovered += cluster_map_owner(&view->map, slot) == NULL;
    for (size_t i = 0; i < redis->answer.count; i++)
        view->alone |= redis->answer.elements[i].count == ROW_WITHOUT_REPLICA;
    view->shards = (unsigned)redis->configuration->shards;
    count_shards(view, redis->configuration->stream);
    return true;
}

static void tell(struct doctor_redis *redis, const struct view *view)
{
    unsigned least = view->shards;
    unsigned most = 0;

    for (size_t i = 0; i < view->map.count; i++) {
        least = view->shards_of[i] < least ? view->shards_of[i] : least;
        most = view->shards_of[i] > most ? view->shards_of[i] : most;
    }
    if (view->uncovered > 0)
        doctor_report_set(&redis->finding, DOCTOR_WRONG, "%u of %d slots are served by nobody", view->uncovered,
                          CLUSTER_SLOTS);
    else if (view->one_slot)
        doctor_report_set(&redis->finding, DOCTOR_NOTE,
                          "all %u shards are in one slot: the name of the stream has braces", view->shards);
    else
        doctor_report_set(&redis->finding, view->alone || least == 0 ? DOCTOR_NOTE : DOCTOR_OK,
                          "%zu masters%s, %u shards, %u to %u on each", view->map.count,
                          view->alone ? ", not each with a replica" : "", view->shards, least, most);
}

void doctor_cluster_judge(struct doctor_redis *redis)
{
    struct view *view = calloc(1, sizeof *view);

    snprintf(redis->finding.subject, sizeof redis->finding.subject,
             "redis-cli --cluster check HOST:PORT; redis-cli --cluster fix HOST:PORT");
    if (view == NULL)
        doctor_report_set(&redis->finding, DOCTOR_NOTE, "not known: out of memory");
    else if (look(redis, view))
        tell(redis, view);
    free(view);
}
