/* redis_ping URL [WORD...]: one command (or PING) over the Redis line of proto/, for the tests.
 *
 * REDIS_CA, REDIS_CERTIFICATE, REDIS_KEY and REDIS_NAME are files and a name as in struct redis_options; REDIS_WAIT_MS
 * is both timeouts. Prints "address: answer" and exits 0, or prints "kind reason: text" and exits 1. */
#include "proto/redis.h"
#include "tests/support/kind.h"

#include <stdio.h>
#include <stdlib.h>

enum { WORDS_MAX = 16, WAIT_MS_DEFAULT = 5000 };

static int complain(const struct error *error)
{
    printf("%s %s: %s\n", kind_name(error->kind), error->reason, error->text);
    return 1;
}

static int wait_ms(void)
{
    const char *text = getenv("REDIS_WAIT_MS"); /* NOLINT(concurrency-mt-unsafe): no threads yet */

    return text == NULL ? WAIT_MS_DEFAULT : (int)strtol(text, NULL, 10);
}

static struct redis *make(const char *url, struct error *error)
{
    const struct redis_options options = {
        .url = url,
        .ca_file = getenv("REDIS_CA"),                   /* NOLINT(concurrency-mt-unsafe) */
        .certificate_file = getenv("REDIS_CERTIFICATE"), /* NOLINT(concurrency-mt-unsafe) */
        .key_file = getenv("REDIS_KEY"),                 /* NOLINT(concurrency-mt-unsafe) */
        .client_name = getenv("REDIS_NAME"),             /* NOLINT(concurrency-mt-unsafe) */
        .connect_timeout_ms = wait_ms(),
        .request_timeout_ms = wait_ms(),
    };

    return redis_new(&options, error);
}

static void print_reply(const char *address, const struct reply *reply)
{
    if (reply->type == REPLY_INTEGER)
        printf("%s: %lld\n", address, (long long)reply->integer);
    else if (reply->type == REPLY_ARRAY)
        printf("%s: %zu elements\n", address, reply->count);
    else
        printf("%s: %.*s\n", address, SLICE_PRINT(reply->text));
}

static int ask(struct redis *redis, char **arguments, size_t count)
{
    struct slice words[WORDS_MAX] = {slice_from_text("PING")};
    struct arena arena;
    struct reply reply;
    struct error error;

    for (size_t i = 0; i < count && i < WORDS_MAX; i++)
        words[i] = slice_from_text(arguments[i]);

    arena_init(&arena, 0);
    bool answered =
        redis_connect(redis, &error) && redis_call(redis, words, count == 0 ? 1 : count, &arena, &reply, &error);
    if (answered)
        print_reply(redis_address(redis), &reply);
    arena_close(&arena);
    return answered ? 0 : complain(&error);
}

int main(int argc, char **argv)
{
    struct error error;

    if (argc < 2)
        return 2;
    struct redis *redis = make(argv[1], &error);
    if (redis == NULL)
        return complain(&error);

    int code = ask(redis, argv + 2, (size_t)argc - 2);
    redis_free(redis);
    return code;
}
