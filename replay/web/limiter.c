#include "replay/web/limiter.h"

#include <stdlib.h>

enum { SETS = LIMITER_CLIENTS_MAX / LIMITER_WAYS };

/* The generic cell rate algorithm: all that is to be known of a client is when its burst is whole again. */
struct cell {
    uint64_t client;
    int64_t whole_us; /* 0: nobody's */
};

struct limiter {
    struct limiter_options options;
    struct cell cells[SETS][LIMITER_WAYS];
};

struct limiter *limiter_new(const struct limiter_options *options)
{
    struct limiter *limiter = calloc(1, sizeof *limiter);

    if (limiter != NULL)
        limiter->options = *options;
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    free(limiter);
}

/* FNV-1a from a secret beginning, mixed at the end as splitmix64 does: the low bits choose a set. */
static uint64_t hash(const struct limiter *limiter, struct slice client)
{
    uint64_t number = limiter->options.key ^ UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < client.size; i++)
        number = (number ^ client.data[i]) * UINT64_C(0x100000001b3);
    number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
    return number ^ (number >> 31);
}

static const struct cell *find(const struct limiter *limiter, uint64_t client)
{
    const struct cell *set = limiter->cells[client % SETS];

    for (size_t i = 0; i < LIMITER_WAYS; i++)
        if (set[i].whole_us != 0 && set[i].client == client)
            return &set[i];
    return NULL;
}

/* Its own, an empty one, or that of who is nearest to his whole burst. */
static struct cell *make_room(struct limiter *limiter, uint64_t client)
{
    struct cell *set = limiter->cells[client % SETS];
    struct cell *least = &set[0];

    for (size_t i = 0; i < LIMITER_WAYS; i++) {
        if (set[i].whole_us != 0 && set[i].client == client)
            return &set[i];
        if (set[i].whole_us < least->whole_us)
            least = &set[i];
    }
    *least = (struct cell){.client = client};
    return least;
}

int limiter_wait_s(const struct limiter *limiter, struct slice client, int64_t now_us)
{
    const struct cell *cell = find(limiter, hash(limiter, client));
    int64_t room_us = (limiter->options.burst - 1) * limiter->options.every_us;

    if (cell == NULL || cell->whole_us - now_us <= room_us)
        return 0;
    return (int)((cell->whole_us - now_us - room_us + 999999) / 1000000);
}

void limiter_count(struct limiter *limiter, struct slice client, int64_t now_us)
{
    if (limiter->options.every_us == 0)
        return;

    struct cell *cell = make_room(limiter, hash(limiter, client));
    cell->whole_us = (cell->whole_us > now_us ? cell->whole_us : now_us) + limiter->options.every_us;
}
