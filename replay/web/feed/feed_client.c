#include "replay/web/feed/feed_client.h"

#include "proto/rfc3339.h"
#include "replay/web/feed/feed_event.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* ---- what is said ------------------------------------------------------------------------------------------------ */

static struct slice place_text(const char *epoch, const struct stream_id *places, unsigned shards, char *text)
{
    return slice_of(text, feed_id_format(epoch, places, shards, text));
}

static void begin_data(struct json_writer *data, int64_t unix_us)
{
    char now[RFC3339_TEXT_BYTES];

    rfc3339_format(unix_us, now);
    json_writer_object_begin(data);
    json_writer_key(data, "now");
    json_writer_text(data, now);
}

static void end_data(struct feed_client *client, struct json_writer *data, const char *name, struct slice id)
{
    json_writer_object_end(data);
    feed_event_block(&client->outbox, name, json_writer_slice(data), id);
    client->outbox.failed |= data->failed;
    json_writer_close(data);
}

/* False when memory is short. */
static bool say_place(struct feed_client *client, const struct feed_moment *moment, const struct stream_id *places,
                      unsigned shards, const char *name)
{
    char *id = malloc(feed_id_bytes_max(shards));
    struct json_writer data = {.text = NULL};

    if (id == NULL)
        return false;
    begin_data(&data, moment->unix_us);
    if (strcmp(name, "hello") == 0) {
        json_writer_key(&data, "epoch");
        json_writer_text(&data, moment->epoch);
        json_writer_key(&data, "resumed");
        json_writer_boolean(&data, client->places != NULL);
        json_writer_key(&data, "version");
        json_writer_text(&data, TASKLEDGER_VERSION);
    }
    end_data(client, &data, name, place_text(moment->epoch, places, shards, id));
    free(id);
    return !client->outbox.failed;
}

static void say_beat(struct feed_client *client, const struct feed_moment *moment)
{
    struct json_writer data = {.text = NULL};

    begin_data(&data, moment->unix_us);
    json_writer_key(&data, "lag_s");
    json_writer_double(&data, moment->lag_s);
    end_data(client, &data, "beat", slice_of(NULL, 0));
    client->beat_due_us = moment->monotonic_us + INT64_C(1000) * FEED_CLIENT_BEAT_MS;
}

void feed_client_reset(struct feed_client *client, enum feed_reset reason)
{
    static const struct {
        const char *word;
        const char *message;
    } words[] = {
        [FEED_RESET_EPOCH] = {"epoch", "the stream or the ledger went back since: begin anew"},
        [FEED_RESET_GONE] = {"gone", "what came since is neither in the stream nor in the ledger any more: begin anew"},
        [FEED_RESET_FAR] = {"far", "more came since than is told again: begin anew"},
        [FEED_RESET_SLOW] = {"slow", "events came faster than they were taken: begin anew"},
        [FEED_RESET_BAD_ID] = {"bad_id", "the ID given is no place in this feed: begin anew"},
        [FEED_RESET_SHARDS] = {"shards", "the stream has another number of shards now: begin anew"},
    };
    struct json_writer data = {.text = NULL};

    json_writer_object_begin(&data);
    json_writer_key(&data, "reason");
    json_writer_text(&data, words[reason].word);
    json_writer_key(&data, "message");
    json_writer_text(&data, words[reason].message);
    end_data(client, &data, "reset", slice_of(NULL, 0));
    client->state = FEED_CLIENT_ENDED;
}

/* ---- its outbox -------------------------------------------------------------------------------------------------- */

static size_t unsent(const struct feed_client *client)
{
    return client->outbox.length - client->sent;
}

/* What is out gives its memory back: most clients wait. */
static size_t take_unsent(struct feed_client *client, uint8_t *buffer, size_t size)
{
    size_t taken = unsent(client) < size ? unsent(client) : size;

    if (taken > 0)
        memcpy(buffer, client->outbox.text + client->sent, taken);
    client->sent += taken;
    if (unsent(client) == 0 && !client->outbox.failed) {
        json_writer_close(&client->outbox);
        client->sent = 0;
    }
    return taken;
}

bool feed_client_wants(const struct feed_client *client)
{
    return client->state == FEED_CLIENT_CATCHING_UP && unsent(client) < FEED_CLIENT_OUTBOX_BYTES;
}

bool feed_client_dawdles(struct feed_client *client, int64_t monotonic_us)
{
    if (client->state != FEED_CLIENT_CATCHING_UP)
        return false;
    if (feed_client_wants(client))
        client->take_due_us = monotonic_us + INT64_C(1000) * FEED_CLIENT_TAKE_MS;
    return monotonic_us >= client->take_due_us || monotonic_us >= client->catch_up_due_us;
}

void feed_client_expire(struct feed_client *client, int64_t monotonic_us)
{
    if (client->state != FEED_CLIENT_ENDED || unsent(client) == 0)
        return;
    if (client->end_due_us == 0)
        client->end_due_us = monotonic_us + INT64_C(1000) * FEED_CLIENT_END_MS;
    if (monotonic_us < client->end_due_us)
        return;
    json_writer_close(&client->outbox);
    client->sent = 0;
    client->outbox.failed = true;
}

bool feed_client_is_over(const struct feed_client *client)
{
    return client->outbox.failed || (client->state == FEED_CLIENT_ENDED && unsent(client) == 0);
}

/* ---- catching up ------------------------------------------------------------------------------------------------- */

bool feed_client_join(struct feed_client *client, const struct feed_ring *ring)
{
    assert(client->places != NULL);
    if (!feed_ring_join(ring, client->places, &client->place))
        return false;
    client->state = FEED_CLIENT_LIVE;
    return true;
}

/* Of some shard it has more than we have read. */
static bool is_ahead(const struct feed_client *client, const struct feed_ring *ring)
{
    for (unsigned shard = 0; shard < ring->shards; shard++)
        if (stream_id_compare(client->places[shard], ring->now[shard]) > 0)
            return true;
    return false;
}

/* One that is ahead may have read from somebody else, or from a stream that is no more, whose IDs nothing that comes would
 * ever reach: so the stream is looked at. */
bool feed_client_begin(struct feed_client *client, const struct feed_ring *ring, const struct stream_id *start,
                       const struct feed_moment *moment)
{
    size_t bytes = ring->shards * sizeof *start;

    client->beat_due_us = moment->monotonic_us + INT64_C(1000) * FEED_CLIENT_BEAT_MS;
    client->take_due_us = moment->monotonic_us + INT64_C(1000) * FEED_CLIENT_TAKE_MS;
    client->catch_up_due_us = moment->monotonic_us + INT64_C(1000) * FEED_CLIENT_CATCH_UP_MS;
    client->state = FEED_CLIENT_LIVE;
    client->place = ring->next;
    if (start != NULL) {
        client->places = malloc(bytes);
        if (client->places == NULL)
            return false;
        memcpy(client->places, start, bytes);
        if (is_ahead(client, ring) || !feed_client_join(client, ring))
            client->state = FEED_CLIENT_CATCHING_UP;
    }
    json_writer_raw(&client->outbox, slice_from_text("retry: 2000\n\n"));
    return say_place(client, moment, start == NULL ? ring->now : start, ring->shards, "hello");
}

/* A client that takes all the time is never done, and what it has taken is no burden. */
static void drop_taken(struct feed_client *client)
{
    if (client->sent == 0)
        return;
    client->outbox.length -= client->sent;
    memmove(client->outbox.text, client->outbox.text + client->sent, client->outbox.length + 1);
    client->sent = 0;
}

void feed_client_give(struct feed_client *client, unsigned shard, const struct feed_past *past, const char *epoch,
                      unsigned shards)
{
    char *id = malloc(feed_id_bytes_max(shards));
    struct json_writer data = {.text = NULL};

    drop_taken(client);
    client->outbox.failed |= id == NULL;
    for (size_t i = 0; i < past->count && id != NULL; i++) {
        struct feed_subject subject = feed_event_subject(&past->events[i].event);

        client->places[shard] = past->events[i].id;
        if (!feed_filter_matches(&client->filter, &subject)) {
            client->has_moved = true;
            continue;
        }
        json_writer_reset(&data);
        feed_event_write(&past->events[i].event, &data);
        bool is_told = shards <= FEED_CLIENT_SHORT_SHARDS || i + 1 == past->count;
        feed_event_block(&client->outbox, "task", json_writer_slice(&data),
                         is_told ? place_text(epoch, client->places, shards, id) : slice_of(NULL, 0));
        client->outbox.failed |= data.failed;
    }
    json_writer_close(&data);
    free(id);
    client->places[shard] = past->place;
}

/* ---- live -------------------------------------------------------------------------------------------------------- */

/* One that has its own places keeps them. */
static void pass(struct feed_client *client, const struct feed_record *record)
{
    if (client->places != NULL)
        client->places[record->shard] = record->id;
}

/* Goes on to the next record that it wants and does not have. */
static bool find_record(struct feed_client *client, const struct feed_ring *ring, struct feed_record *record)
{
    while (feed_ring_at(ring, client->place, record)) {
        bool is_known = client->places != NULL && stream_id_compare(record->id, client->places[record->shard]) <= 0;

        if (!is_known && feed_filter_matches(&client->filter, &record->subject))
            return true;
        if (!is_known)
            pass(client, record);
        client->has_moved |= !is_known;
        client->place++;
    }
    if (client->places != NULL && !is_ahead(client, ring)) {
        free(client->places);
        client->places = NULL;
    }
    return false;
}

/* A block that does not fit is begun: the rest waits in the outbox. */
static size_t take_block(struct feed_client *client, const struct feed_record *record, uint8_t *buffer, size_t size)
{
    struct slice block = record->block;
    size_t taken = block.size < size ? block.size : size;

    memcpy(buffer, block.data, taken);
    client->outbox.comma = false;
    json_writer_raw(&client->outbox, slice_of(block.data + taken, block.size - taken));
    client->place++;
    client->has_moved = !record->has_id;
    return taken;
}

/* The ID that a record brings along tells up to where the ring had come: of other shards this client may have more, and
 * would be given that again when it comes back with such a place. */
static void retell(struct feed_client *client, const struct feed_ring *ring, const struct feed_record *record,
                   const char *epoch)
{
    char id[FEED_ID_EPOCH_BYTES + FEED_CLIENT_SHORT_SHARDS * STREAM_ID_BYTES_MAX];

    assert(feed_id_bytes_max(ring->shards) <= sizeof id);
    pass(client, record);
    feed_event_reblock(&client->outbox, record->block, place_text(epoch, client->places, ring->shards, id));
    client->place++;
    client->has_moved = false;
}

static void say_beats(struct feed_client *client, const struct feed_ring *ring, const struct feed_moment *moment)
{
    if (moment->monotonic_us < client->beat_due_us)
        return;
    if (client->state == FEED_CLIENT_LIVE && client->has_moved && client->places == NULL) {
        say_place(client, moment, ring->now, ring->shards, "at");
        client->has_moved = false;
    }
    say_beat(client, moment);
}

static size_t take_live(struct feed_client *client, const struct feed_ring *ring, const char *epoch, uint8_t *buffer,
                        size_t size)
{
    struct feed_record record;
    size_t taken = 0;

    if (!feed_ring_holds(ring, client->place)) {
        feed_client_reset(client, FEED_RESET_SLOW);
        return 0;
    }
    while (taken < size && find_record(client, ring, &record)) {
        if (client->places == NULL || !record.has_id) {
            pass(client, &record);
            taken += take_block(client, &record, buffer + taken, size - taken);
            continue;
        }
        retell(client, ring, &record, epoch);
        taken += take_unsent(client, buffer + taken, size - taken);
    }
    return taken;
}

size_t feed_client_read(struct feed_client *client, const struct feed_ring *ring, const struct feed_moment *moment,
                        uint8_t *buffer, size_t size)
{
    size_t taken = take_unsent(client, buffer, size);

    if (taken == 0 && client->state == FEED_CLIENT_LIVE)
        taken = take_live(client, ring, moment->epoch, buffer, size);
    if (taken == 0 && client->state != FEED_CLIENT_ENDED)
        say_beats(client, ring, moment);
    return taken > 0 ? taken : take_unsent(client, buffer, size);
}

bool feed_client_has_news(struct feed_client *client, const struct feed_ring *ring, int64_t monotonic_us)
{
    struct feed_record record;

    if (unsent(client) > 0 || monotonic_us >= client->beat_due_us || feed_client_is_over(client))
        return true;
    return client->state == FEED_CLIENT_LIVE &&
           (!feed_ring_holds(ring, client->place) || find_record(client, ring, &record));
}

void feed_client_close(struct feed_client *client)
{
    feed_filter_close(&client->filter);
    json_writer_close(&client->outbox);
    free(client->places);
    *client = (struct feed_client){.state = FEED_CLIENT_ENDED};
}
