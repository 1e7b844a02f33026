#include "producer/emit/run/usage.h"

#include <unistd.h>

static void raise_seconds(double *known, double seen)
{
    if (seen > *known)
        *known = seen;
}

static void raise_bytes(uint64_t *known, uint64_t seen)
{
    if (seen > *known)
        *known = seen;
}

void usage_of_tree(struct usage *usage, const struct tree *tree)
{
    double ticks_a_second = (double)sysconf(_SC_CLK_TCK);
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t user_ticks = 0;
    uint64_t system_ticks = 0;
    uint64_t pages = 0;

    for (size_t i = 0; i < tree->count; i++) {
        user_ticks += tree->members[i].user_ticks;
        system_ticks += tree->members[i].system_ticks;
        pages += tree->members[i].resident_pages;
    }
    raise_seconds(&usage->cpu_user_seconds, (double)user_ticks / ticks_a_second);
    raise_seconds(&usage->cpu_system_seconds, (double)system_ticks / ticks_a_second);
    usage->rss_bytes = pages * page_bytes;
    raise_bytes(&usage->max_rss_bytes, usage->rss_bytes);
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void usage_of_rest(struct usage *usage, const struct rusage *rest)
{
    raise_seconds(&usage->cpu_user_seconds, seconds(rest->ru_utime));
    raise_seconds(&usage->cpu_system_seconds, seconds(rest->ru_stime));
    raise_bytes(&usage->max_rss_bytes, (uint64_t)rest->ru_maxrss * 1024);
    usage->rss_bytes = 0;
}

void usage_write(const struct usage *usage, struct json_writer *json)
{
    json_writer_key(json, "wall_seconds");
    json_writer_double(json, usage->wall_seconds);
    if (usage->max_rss_bytes == 0)
        return;
    json_writer_key(json, "cpu_user_seconds");
    json_writer_double(json, usage->cpu_user_seconds);
    json_writer_key(json, "cpu_system_seconds");
    json_writer_double(json, usage->cpu_system_seconds);
    if (usage->rss_bytes > 0) {
        json_writer_key(json, "rss_bytes");
        json_writer_unsigned(json, usage->rss_bytes);
    }
    json_writer_key(json, "max_rss_bytes");
    json_writer_unsigned(json, usage->max_rss_bytes);
}
