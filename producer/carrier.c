#include "producer/carrier.h"

#include "proto/entry.h"
#include "proto/event.h"

#include <stdio.h>

bool carrier_init(struct carrier *carrier, const struct settings *settings, int cancel, struct error *error)
{
    struct redis_options options = settings_redis(settings);

    *carrier = (struct carrier){.shards = settings->shards};
    snprintf(carrier->stream, sizeof carrier->stream, "%s", settings->stream);
    options.cancel_descriptor = cancel;
    options.nodes_fail_alone = true; /* an event's trouble is not that of all */
    carrier->redis = redis_new(&options, error);
    return carrier->redis != NULL;
}

void carrier_close(struct carrier *carrier)
{
    redis_free(carrier->redis);
    arena_close(&carrier->answers);
    carrier->redis = NULL;
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

/* What cannot be read is nobody's task; the consumers set it aside wherever it comes from. */
static unsigned shard_of(const struct carrier *carrier, struct slice payload)
{
    bool has_identity;
    struct event event;
    struct error error;

    if (!event_decode(payload, &event, &has_identity, &error) || event.body != EVENT_TASK_STATUS)
        return 0;
    return stream_shard(event.task_status.task_id, carrier->shards);
}

void carrier_address(struct carrier *carrier, struct parcel *parcel)
{
    if (carrier->shards == 1)
        return;
    for (size_t i = 0; i < parcel->count; i++)
        parcel->items[i].shard = shard_of(carrier, parcel_payload(parcel, &parcel->items[i]));
}

/* ---- one attempt ------------------------------------------------------------------------------------------------- */

static bool send_all(struct carrier *carrier, struct parcel *parcel, size_t first, size_t *retried, struct error *error)
{
    char key[STREAM_KEY_BYTES_MAX];

    for (size_t i = first; i < parcel->count; i++) {
        struct parcel_item *item = &parcel->items[i];

        if (item->state == PARCEL_ANSWERED)
            continue;
        stream_key(carrier->stream, carrier->shards, item->shard, key);
        if (!entry_append(carrier->redis, key, parcel_payload(parcel, item), error))
            return false;
        *retried += item->state == PARCEL_SENT;
        item->state = PARCEL_SENT;
    }
    return redis_send(carrier->redis, error);
}

/* The answer for one event. False, with the line still up, when it is an error. */
static bool receive_answer(struct carrier *carrier, struct parcel_item *item, struct error *error)
{
    struct reply reply;

    arena_reset(&carrier->answers, EVENT_BYTES_MAX);
    if (!redis_receive(carrier->redis, &carrier->answers, 0, &reply, error))
        return false;
    if (reply.type == REPLY_STRING && stream_id_parse(reply.text, &item->id)) {
        item->state = PARCEL_ANSWERED;
        return true;
    }
    redis_disconnect(carrier->redis);
    return error_set(error, ERROR_FATAL, "reply", "cannot understand the answer to XADD");
}

/* An error answer is for one event only; those behind it have answers of their own. The first error is told. */
static bool receive_all(struct carrier *carrier, struct parcel *parcel, size_t first, struct error *error)
{
    bool good = true;

    for (size_t i = first; i < parcel->count; i++) {
        struct error refusal;

        if (parcel->items[i].state == PARCEL_ANSWERED || receive_answer(carrier, &parcel->items[i], &refusal))
            continue;
        if (good)
            *error = refusal;
        good = false;
        if (!redis_is_connected(carrier->redis))
            break;
    }
    return good;
}

bool carrier_send(struct carrier *carrier, struct parcel *parcel, size_t first, size_t *retried, struct error *error)
{
    *retried = 0;
    bool sent = send_all(carrier, parcel, first, retried, error);
    bool good = sent && receive_all(carrier, parcel, first, error);

    /* What was appended and not sent would be sent with the next attempt. */
    if (!sent)
        redis_disconnect(carrier->redis);
    return good;
}
