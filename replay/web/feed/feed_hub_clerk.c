/* The clerk: what those who come back have missed, the epoch, and heartbeats. */
#include "replay/web/feed/feed_epoch.h"
#include "replay/web/feed/feed_hub_inside.h"
#include "replay/web/feed/feed_past.h"

#include <time.h>

enum { ROUND_MS = 500, FIRST_REST_MS = 100, LONGEST_REST_MS = 2000 };

struct clerk {
    struct feed_hub *hub;
    struct backoff backoff;
    int64_t epoch_due_us;
    int64_t serve_due_us; /* after a failure */
};

static int64_t now_us(const struct clerk *clerk)
{
    const struct clock *clock = clerk->hub->clock;

    return clock->monotonic_us(clock->self);
}

/* ---- the epoch --------------------------------------------------------------------------------------------------- */

static void take_epoch(struct feed_hub *hub, const char *epoch)
{
    pthread_mutex_lock(&hub->lock);
    bool is_another = strcmp(hub->epoch, epoch) != 0;
    if (is_another) {
        memcpy(hub->epoch, epoch, FEED_ID_EPOCH_BYTES);
        if (hub->has_begun) {
            struct stream_id now[STREAM_SHARDS_MAX];
            memcpy(now, hub->ring.now, hub->options.shards * sizeof *now);
            feed_hub_restart(hub, now, FEED_RESET_EPOCH);
        }
    }
    pthread_mutex_unlock(&hub->lock);
}

/* While PostgreSQL is away the last one stands. */
static void look_at_epoch(struct clerk *clerk)
{
    struct feed_hub *hub = clerk->hub;
    char epoch[FEED_ID_EPOCH_BYTES];
    struct error ignored;

    if (now_us(clerk) < clerk->epoch_due_us)
        return;
    if (postgres_open(hub->clerk_session, &ignored) &&
        feed_epoch_read(hub->clerk_session, hub->options.stream, hub->options.shards, epoch, &ignored))
        take_epoch(hub, epoch);
    clerk->epoch_due_us = now_us(clerk) + INT64_C(1000) * FEED_EPOCH_LOOK_MS;
}

/* ---- who comes back ---------------------------------------------------------------------------------------------- */

/* The next one in turn, who is then at the end of the queue: pages go around. */
static struct feed_guest *choose(struct feed_hub *hub)
{
    if (feed_hub_is_full(hub))
        return NULL;
    for (struct feed_guest *guest = hub->guests.next; guest != &hub->guests; guest = guest->next) {
        if (!feed_client_wants(&guest->client) || guest->is_gone)
            continue;
        guest->previous->next = guest->next;
        guest->next->previous = guest->previous;
        guest->next = &hub->guests;
        guest->previous = hub->guests.previous;
        guest->previous->next = guest;
        hub->guests.previous = guest;
        return guest;
    }
    return NULL;
}

static bool read_page(struct feed_hub *hub, struct feed_guest *guest, enum feed_past_end *end, struct error *error)
{
    struct feed_past *past = hub->past;

    past->redis = hub->clerk_line;
    past->postgres = hub->clerk_session;
    past->key = hub->key_texts[guest->shard];
    past->place = guest->client.places[guest->shard];
    past->ledger = guest->ledger;
    past->count = 0;
    return redis_connect(hub->clerk_line, error) && feed_past_next(past, end, error);
}

/* The next shard; after the last one the ring, or, if that has gone on meanwhile, the first one again. */
static void go_on(struct feed_hub *hub, struct feed_guest *guest)
{
    guest->shard++;
    guest->ledger.span_ms = 0;
    if (guest->shard < hub->options.shards)
        return;
    guest->shard = 0;
    if (feed_client_join(&guest->client, &hub->ring))
        hub->counters.catching_up--;
}

static void give_page(struct feed_hub *hub, struct feed_guest *guest, enum feed_past_end end)
{
    if (guest->client.state != FEED_CLIENT_CATCHING_UP)
        return; /* told to begin anew meanwhile */
    feed_client_give(&guest->client, guest->shard, hub->past, hub->epoch, hub->options.shards);
    guest->ledger = hub->past->ledger;
    switch (end) {
    case FEED_PAST_MORE:
        break;
    case FEED_PAST_REACHED:
        go_on(hub, guest);
        break;
    case FEED_PAST_ANOTHER:
        feed_hub_reset(hub, guest, FEED_RESET_EPOCH);
        break;
    case FEED_PAST_GONE:
        feed_hub_reset(hub, guest, FEED_RESET_GONE);
        break;
    case FEED_PAST_FAR:
        feed_hub_reset(hub, guest, FEED_RESET_FAR);
        break;
    }
}

/* Who has room for a page and still did not catch up missed too much. */
static void drop_slow(struct feed_hub *hub, struct feed_guest *guest, int64_t monotonic_us)
{
    if (!feed_client_dawdles(&guest->client, monotonic_us))
        return;
    bool is_slow = !feed_client_wants(&guest->client);
    feed_hub_reset(hub, guest, is_slow ? FEED_RESET_SLOW : FEED_RESET_FAR);
    hub->counters.slow += is_slow;
}

static void look_around(struct feed_hub *hub)
{
    int64_t monotonic_us = hub->clock->monotonic_us(hub->clock->self);

    hub->untaken_bytes = 0;
    for (struct feed_guest *guest = hub->guests.next; guest != &hub->guests; guest = guest->next) {
        drop_slow(hub, guest, monotonic_us);
        feed_client_expire(&guest->client, monotonic_us);
        hub->untaken_bytes += guest->client.outbox.capacity;
    }
    feed_hub_wake(hub);
}

/* False: there is nobody, or it failed. `places` of a guest that is served are only changed here, and it is not freed. */
static bool serve_one(struct clerk *clerk, bool *failed)
{
    struct feed_hub *hub = clerk->hub;
    enum feed_past_end end = FEED_PAST_MORE;
    struct error ignored;

    pthread_mutex_lock(&hub->lock);
    struct feed_guest *guest = hub->is_stopping ? NULL : choose(hub);
    if (guest != NULL)
        guest->is_served = true;
    pthread_mutex_unlock(&hub->lock);
    if (guest == NULL)
        return false;

    bool good = read_page(hub, guest, &end, &ignored);

    pthread_mutex_lock(&hub->lock);
    guest->is_served = false;
    if (guest->is_gone)
        feed_hub_free_guest(hub, guest);
    else if (good)
        give_page(hub, guest, end);
    look_around(hub);
    pthread_mutex_unlock(&hub->lock);
    *failed = !good;
    return good;
}

static bool has_work(struct feed_hub *hub)
{
    if (feed_hub_is_full(hub))
        return false;
    for (struct feed_guest *guest = hub->guests.next; guest != &hub->guests; guest = guest->next)
        if (feed_client_wants(&guest->client))
            return true;
    return false;
}

static void serve(struct clerk *clerk)
{
    bool failed = false;

    if (now_us(clerk) < clerk->serve_due_us)
        return;
    while (serve_one(clerk, &failed))
        look_at_epoch(clerk);
    if (failed)
        clerk->serve_due_us = now_us(clerk) + backoff_next_us(&clerk->backoff);
    else
        backoff_reset(&clerk->backoff);
}

/* ---- a round ----------------------------------------------------------------------------------------------------- */

/* Until somebody comes back, or it is time to look around. */
static bool rest(struct clerk *clerk)
{
    struct feed_hub *hub = clerk->hub;
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ROUND_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;

    pthread_mutex_lock(&hub->lock);
    if (!hub->is_stopping && (now_us(clerk) < clerk->serve_due_us || !has_work(hub)))
        pthread_cond_timedwait(&hub->changed, &hub->lock, &until);
    bool goes_on = !hub->is_stopping;
    if (goes_on)
        look_around(hub);
    pthread_mutex_unlock(&hub->lock);
    return goes_on;
}

void *feed_hub_serve(void *self)
{
    struct clerk clerk = {.hub = self};

    backoff_init(&clerk.backoff, FIRST_REST_MS, LONGEST_REST_MS,
                 (uint64_t)clerk.hub->clock->unix_us(clerk.hub->clock->self));
    do {
        look_at_epoch(&clerk);
        serve(&clerk);
    } while (rest(&clerk));
    feed_hub_thread_ends(clerk.hub);
    return NULL;
}
