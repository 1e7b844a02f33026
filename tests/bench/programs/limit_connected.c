/* limit_connected: what a process has in memory that has a line to each server, and does nothing.
 *
 *     limit_connected
 *
 * Connects to REDIS_URL and DATABASE_URL as a consumer does, with the same libraries, says so on standard output, and
 * waits to be killed. It serves no HTTP. */
#include "consumer/postgres/postgres.h"
#include "proto/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void fail(const struct error *error) __attribute__((noreturn));

static void fail(const struct error *error)
{
    fprintf(stderr, "limit_connected: %s\n", error->text);
    exit(1); /* NOLINT(concurrency-mt-unsafe): no threads */
}

int main(void)
{
    const struct redis_options to_redis = {.url = getenv("REDIS_URL")};          /* NOLINT(concurrency-mt-unsafe) */
    const struct postgres_options to_postgres = {.url = getenv("DATABASE_URL")}; /* NOLINT(concurrency-mt-unsafe) */
    struct error error = {.kind = ERROR_NONE};
    struct redis *redis = redis_new(&to_redis, &error);

    if (redis == NULL || !redis_connect(redis, &error))
        fail(&error);
    struct postgres *postgres = postgres_new(&to_postgres, &error);
    if (postgres == NULL || !postgres_open(postgres, &error))
        fail(&error);
    puts("connected");
    fflush(stdout);
    for (;;)
        pause();
}
