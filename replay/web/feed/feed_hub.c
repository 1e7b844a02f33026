#include "replay/web/feed/feed_hub.h"

#include "proto/thread.h"
#include "replay/web/feed/feed_hub_inside.h"

#include <assert.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- life -------------------------------------------------------------------------------------------------------- */

static int or_default(int value, int otherwise)
{
    return value == 0 ? otherwise : value;
}

static void apply_defaults(struct feed_hub_options *options)
{
    options->guests_max = or_default(options->guests_max, FEED_HUB_GUESTS_MAX);
    options->catching_up_max = or_default(options->catching_up_max, FEED_HUB_CATCHING_UP_MAX);
    options->ring_bytes = options->ring_bytes == 0 ? FEED_HUB_RING_BYTES : options->ring_bytes;
    options->untaken_bytes = options->untaken_bytes == 0 ? FEED_HUB_UNTAKEN_BYTES : options->untaken_bytes;
    options->ring_records = options->ring_records == 0 ? FEED_HUB_RING_RECORDS : options->ring_records;
}

static void free_hub(struct feed_hub *hub)
{
    feed_ring_close(&hub->ring);
    feed_reader_free(hub->reader);
    if (hub->past != NULL)
        feed_past_close(hub->past);
    free(hub->past);
    redis_free(hub->clerk_line);
    postgres_free(hub->clerk_session);
    json_writer_close(&hub->block);
    json_writer_close(&hub->data);
    keys_close(&hub->keys);
    free(hub->key_texts);
    free(hub->id);
    if (hub->stop_descriptor >= 0)
        close(hub->stop_descriptor);
    pthread_cond_destroy(&hub->changed);
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}

static bool open_lines(struct feed_hub *hub, struct error *error)
{
    struct redis_options redis = hub->options.redis;

    redis.cancel_descriptor = hub->stop_descriptor;
    redis.reply_string_max = EVENT_BYTES_MAX + 1;
    const struct feed_reader_options reader = {redis, hub->key_texts, hub->options.shards, hub->clock};
    hub->reader = feed_reader_new(&reader, error);
    hub->clerk_line = hub->reader == NULL ? NULL : redis_new(&redis, error);
    hub->clerk_session = hub->clerk_line == NULL ? NULL : postgres_new(&hub->options.postgres, error);
    return hub->clerk_session != NULL;
}

static bool make_parts(struct feed_hub *hub, struct error *error)
{
    unsigned shards = hub->options.shards;

    hub->past = calloc(1, sizeof *hub->past);
    hub->id = malloc(feed_id_bytes_max(shards));
    hub->key_texts = calloc(shards, sizeof *hub->key_texts);
    hub->stop_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (hub->past == NULL || hub->id == NULL || hub->key_texts == NULL || hub->stop_descriptor < 0 ||
        !keys_init(&hub->keys, hub->options.stream, shards))
        return error_set(error, ERROR_FATAL, "memory", "cannot make the feed: no memory or no descriptor");
    for (unsigned shard = 0; shard < shards; shard++)
        hub->key_texts[shard] = hub->keys.texts[shard];
    if (!open_lines(hub, error))
        return false;

    const struct feed_ring_options ring = {
        .bytes = hub->options.ring_bytes,
        .records = hub->options.ring_records,
        .shards = shards,
        .start = feed_reader_places(hub->reader), /* all 0-0: set when reading begins */
    };
    return feed_ring_init(&hub->ring, &ring) ||
           error_set(error, ERROR_FATAL, "memory", "cannot make the feed: no memory");
}

static bool start(struct feed_hub *hub, void *(*run)(void *), struct error *error)
{
    pthread_mutex_lock(&hub->lock);
    bool good = thread_start(run, hub);
    hub->threads += good;
    pthread_mutex_unlock(&hub->lock);
    return good || error_set_errno(error, ERROR_FATAL, "memory", "cannot start a thread of the feed");
}

static struct feed_hub *new_hub(const struct feed_hub_options *options)
{
    struct feed_hub *hub = calloc(1, sizeof *hub);
    pthread_condattr_t attributes;

    if (hub == NULL)
        return NULL;
    hub->options = *options;
    hub->clock = options->clock == NULL ? clock_system() : options->clock;
    hub->stop_descriptor = -1;
    hub->lag_s = (double)NAN;
    hub->guests.next = hub->guests.previous = &hub->guests;
    apply_defaults(&hub->options);
    pthread_mutex_init(&hub->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&hub->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return hub;
}

struct feed_hub *feed_hub_open(const struct feed_hub_options *options, struct error *error)
{
    struct feed_hub *hub = new_hub(options);

    if (hub == NULL) {
        error_set(error, ERROR_FATAL, "memory", "cannot make the feed: no memory");
        return NULL;
    }
    if (!make_parts(hub, error) || !start(hub, feed_hub_read_streams, error) || !start(hub, feed_hub_serve, error)) {
        feed_hub_close(hub);
        return NULL;
    }
    return hub;
}

void feed_hub_close(struct feed_hub *hub)
{
    if (hub == NULL)
        return;
    pthread_mutex_lock(&hub->lock);
    hub->is_stopping = true;
    if (hub->stop_descriptor >= 0)
        eventfd_write(hub->stop_descriptor, 1);
    pthread_cond_broadcast(&hub->changed);
    while (hub->threads > 0)
        pthread_cond_wait(&hub->changed, &hub->lock);
    assert(hub->guests.next == &hub->guests);
    pthread_mutex_unlock(&hub->lock);
    free_hub(hub);
}

void feed_hub_thread_ends(struct feed_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    hub->threads--;
    pthread_cond_broadcast(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
}

bool feed_hub_rest(struct feed_hub *hub, int64_t rest_us)
{
    struct pollfd stop = {.fd = hub->stop_descriptor, .events = POLLIN};

    return poll(&stop, 1, (int)(rest_us / 1000) + 1) == 0;
}

/* ---- guests ------------------------------------------------------------------------------------------------------ */

struct feed_moment feed_hub_moment(const struct feed_hub *hub)
{
    return (struct feed_moment){
        .monotonic_us = hub->clock->monotonic_us(hub->clock->self),
        .unix_us = hub->clock->unix_us(hub->clock->self) + hub->ahead_us,
        .lag_s = hub->lag_s,
        .epoch = hub->epoch,
    };
}

static void wake(struct feed_guest *guest)
{
    if (!guest->is_waiting)
        return;
    guest->is_waiting = false;
    guest->line.wake(guest->line.self);
}

void feed_hub_wake(struct feed_hub *hub)
{
    int64_t now_us = hub->clock->monotonic_us(hub->clock->self);

    for (struct feed_guest *guest = hub->guests.next; guest != &hub->guests; guest = guest->next)
        if (guest->is_waiting && (hub->is_finishing || feed_client_has_news(&guest->client, &hub->ring, now_us)))
            wake(guest);
}

static void note_state(struct feed_hub *hub, enum feed_client_state before, enum feed_client_state after)
{
    hub->counters.catching_up += after == FEED_CLIENT_CATCHING_UP;
    hub->counters.catching_up -= before == FEED_CLIENT_CATCHING_UP;
}

void feed_hub_reset(struct feed_hub *hub, struct feed_guest *guest, enum feed_reset reason)
{
    if (guest->client.state == FEED_CLIENT_ENDED)
        return;
    note_state(hub, guest->client.state, FEED_CLIENT_ENDED);
    feed_client_reset(&guest->client, reason);
    hub->counters.resets++;
}

void feed_hub_restart(struct feed_hub *hub, const struct stream_id *from, enum feed_reset reason)
{
    feed_ring_restart(&hub->ring, from);
    for (struct feed_guest *guest = hub->guests.next; guest != &hub->guests; guest = guest->next)
        feed_hub_reset(hub, guest, reason);
    feed_hub_wake(hub);
}

void feed_hub_free_guest(struct feed_hub *hub, struct feed_guest *guest)
{
    note_state(hub, guest->client.state, FEED_CLIENT_ENDED);
    guest->previous->next = guest->next;
    guest->next->previous = guest->previous;
    feed_client_close(&guest->client);
    free(guest);
}

bool feed_hub_is_full(const struct feed_hub *hub)
{
    return hub->untaken_bytes >= hub->options.untaken_bytes;
}

static bool check_room(const struct feed_hub *hub, struct error *error)
{
    if (!hub->has_begun || hub->epoch[0] == '\0' || hub->is_stopping || hub->is_finishing)
        return error_set(error, ERROR_TRANSIENT, "unavailable", "could not begin the feed: the stream is away");
    if (hub->counters.guests >= (uint64_t)hub->options.guests_max)
        return error_set(error, ERROR_TRANSIENT, "too_many", "could not take one more client: there are %d",
                         hub->options.guests_max);
    if (feed_hub_is_full(hub))
        return error_set(error, ERROR_TRANSIENT, "too_many", "could not take one more client: others take too little");
    return true;
}

/* Where it begins; what it sent decides. */
static bool begin(struct feed_hub *hub, struct feed_guest *guest, struct slice last_event_id)
{
    struct stream_id places[STREAM_SHARDS_MAX];
    struct feed_moment moment = feed_hub_moment(hub);
    enum feed_id_verdict verdict =
        last_event_id.size == 0 ? FEED_ID_GOOD : feed_id_parse(last_event_id, hub->epoch, places, hub->options.shards);
    bool resumes = last_event_id.size > 0 && verdict == FEED_ID_GOOD;

    if (!feed_client_begin(&guest->client, &hub->ring, resumes ? places : NULL, &moment))
        return false;
    note_state(hub, FEED_CLIENT_ENDED, guest->client.state);
    if (verdict == FEED_ID_BAD)
        feed_hub_reset(hub, guest, FEED_RESET_BAD_ID);
    else if (verdict == FEED_ID_EPOCH)
        feed_hub_reset(hub, guest, FEED_RESET_EPOCH);
    else if (verdict == FEED_ID_SHARDS)
        feed_hub_reset(hub, guest, FEED_RESET_SHARDS);
    return true;
}

static void enter(struct feed_hub *hub, struct feed_guest *guest)
{
    guest->next = &hub->guests;
    guest->previous = hub->guests.previous;
    guest->previous->next = guest;
    hub->guests.previous = guest;
    hub->counters.guests++;
    hub->counters.joined++;
    if (guest->client.state == FEED_CLIENT_CATCHING_UP)
        pthread_cond_broadcast(&hub->changed);
}

static bool admit(struct feed_hub *hub, struct feed_guest *guest, const struct feed_hub_request *request,
                  struct error *error)
{
    if (!check_room(hub, error))
        return false;
    if (!begin(hub, guest, request->last_event_id))
        return error_set(error, ERROR_TRANSIENT, "memory", "could not take one more client: no memory");
    if (hub->counters.catching_up > (uint64_t)hub->options.catching_up_max) {
        note_state(hub, guest->client.state, FEED_CLIENT_ENDED);
        return error_set(error, ERROR_TRANSIENT, "too_many", "could not catch up now: %d others do",
                         hub->options.catching_up_max);
    }
    guest->client.filter = *request->filter;
    *request->filter = (struct feed_filter){.statuses = 0};
    enter(hub, guest);
    return true;
}

struct feed_guest *feed_hub_join(struct feed_hub *hub, const struct feed_hub_request *request, struct error *error)
{
    struct feed_guest *guest = calloc(1, sizeof *guest);

    if (guest == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "could not take one more client: no memory");
        return NULL;
    }
    guest->line = request->line;
    pthread_mutex_lock(&hub->lock);
    bool good = admit(hub, guest, request, error);
    pthread_mutex_unlock(&hub->lock);
    if (good)
        return guest;
    feed_client_close(&guest->client);
    free(guest);
    return NULL;
}

size_t feed_hub_read(struct feed_hub *hub, struct feed_guest *guest, uint8_t *buffer, size_t size, bool *is_over)
{
    pthread_mutex_lock(&hub->lock);
    struct feed_moment moment = feed_hub_moment(hub);
    enum feed_client_state before = guest->client.state;
    size_t bytes = feed_client_read(&guest->client, &hub->ring, &moment, buffer, size);

    if (before == FEED_CLIENT_LIVE && guest->client.state == FEED_CLIENT_ENDED) {
        hub->counters.resets++;
        hub->counters.slow++;
    }
    *is_over = bytes == 0 && (hub->is_finishing || feed_client_is_over(&guest->client));
    guest->is_waiting = bytes == 0 && !*is_over;
    if (feed_client_wants(&guest->client))
        pthread_cond_broadcast(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
    return bytes;
}

void feed_hub_leave(struct feed_hub *hub, struct feed_guest *guest)
{
    pthread_mutex_lock(&hub->lock);
    hub->counters.guests--;
    guest->is_waiting = false;
    if (guest->is_served)
        guest->is_gone = true;
    else
        feed_hub_free_guest(hub, guest);
    pthread_mutex_unlock(&hub->lock);
}

void feed_hub_finish(struct feed_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    hub->is_finishing = true;
    feed_hub_wake(hub);
    pthread_mutex_unlock(&hub->lock);
}

/* ---- what is known of it ----------------------------------------------------------------------------------------- */

void feed_hub_count(struct feed_hub *hub, struct feed_hub_counters *counters)
{
    pthread_mutex_lock(&hub->lock);
    *counters = hub->counters;
    for (unsigned shard = 0; hub->has_begun && shard < hub->options.shards; shard++)
        if ((int64_t)hub->ring.now[shard].ms * 1000 > counters->newest_us)
            counters->newest_us = (int64_t)hub->ring.now[shard].ms * 1000;
    pthread_mutex_unlock(&hub->lock);
}

void feed_hub_series(struct feed_hub *hub, struct feed_series *series, bool *is_reading)
{
    pthread_mutex_lock(&hub->lock);
    *series = hub->series;
    *is_reading = hub->counters.is_reading && hub->has_begun;
    pthread_mutex_unlock(&hub->lock);
}

bool feed_hub_position(struct feed_hub *hub, const struct stream_id *places, char *text)
{
    pthread_mutex_lock(&hub->lock);
    bool is_known = hub->epoch[0] != '\0' && hub->has_begun;
    if (is_known)
        feed_id_format(hub->epoch, places, hub->options.shards, text);
    pthread_mutex_unlock(&hub->lock);
    return is_known;
}

void feed_hub_tell(struct feed_hub *hub, int64_t ahead_us, double lag_s)
{
    pthread_mutex_lock(&hub->lock);
    hub->ahead_us = ahead_us;
    hub->lag_s = lag_s;
    pthread_mutex_unlock(&hub->lock);
}
