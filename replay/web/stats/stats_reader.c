/* The reader: who reads the streams, while somebody wants to know it. */
#include "replay/web/stats/stats_inside.h"

enum { SHARDS_OF_A_LOOK = 64 };

static bool look(struct stats *stats, struct error *error)
{
    return redis_connect(stats->line, error) && stats_stream_look(&stats->stream, stats->line, &stats->readers, error);
}

static void turn(struct stats *stats)
{
    unsigned times = 1 + stats->options.shards / SHARDS_OF_A_LOOK;
    struct error error;
    bool good = look(stats, &error);

    pthread_mutex_lock(&stats->lock);
    stats->now.has_readers = good;
    if (good)
        stats->now.readers = stats->readers;
    stats_looked(stats, &stats->for_readers, INT64_C(1) * STATS_READERS_MS * times);
    pthread_mutex_unlock(&stats->lock);
}

void *stats_reader(void *self)
{
    struct stats *stats = self;

    while (stats_rest(stats, &stats->for_readers, NULL))
        turn(stats);
    stats_thread_ends(stats);
    return NULL;
}
