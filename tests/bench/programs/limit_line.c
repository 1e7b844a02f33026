/* limit_line: what a process has in memory that has a line to Redis, and does nothing with it.
 *
 *     limit_line
 *
 * Connects to REDIS_URL with what a producer is made of, says so on standard output, and waits to be killed. */
#include "proto/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void)
{
    const struct redis_options options = {.url = getenv("REDIS_URL")}; /* NOLINT(concurrency-mt-unsafe): no threads */
    struct error error = {.kind = ERROR_NONE};
    struct redis *redis = redis_new(&options, &error);

    if (redis == NULL || !redis_connect(redis, &error)) {
        fprintf(stderr, "limit_line: %s\n", error.text);
        return 1;
    }
    puts("connected");
    fflush(stdout);
    for (;;)
        pause();
}
