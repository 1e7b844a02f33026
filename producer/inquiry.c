#include "producer/inquiry.h"

#include "producer/archived.h"
#include "producer/marks.h"
#include "proto/event.h"
#include "proto/redis.h"
#include "proto/redis_error.h"
#include "proto/stream.h"

/* The line is open also when one node of a cluster is away, or about to be replaced. */
static bool may_pass(const struct error *error)
{
    return redis_error_is(error, "connection") || redis_error_is(error, "timeout") ||
           redis_error_is(error, "clusterdown") || redis_error_says_moved(error);
}

/* An error answer leaves the line open. */
static bool was_refused(const struct inquiry *inquiry, struct inquiry_news *news, const struct error *error)
{
    news->refused = redis_is_connected(inquiry->carrier->redis) && !may_pass(error);
    news->refusal = *error;
    return news->refused;
}

/* ---- ask --------------------------------------------------------------------------------------------------------- */

static bool ask(const struct inquiry *inquiry, struct inquiry_news *news, struct error *error)
{
    struct redis *redis = inquiry->carrier->redis;
    struct uuid producer_id = confirm_oldest(inquiry->confirm)->producer_id;
    uint64_t sequence;

    if (archived_append(redis, &producer_id, error) && redis_send(redis, error) &&
        archived_receive(redis, &inquiry->carrier->answers, &sequence, error)) {
        news->confirmed = confirm_archived(inquiry->confirm, &producer_id, sequence);
        return true;
    }
    if (error->kind == ERROR_FATAL)
        confirm_refused(inquiry->confirm);
    else
        confirm_unanswered(inquiry->confirm);
    return was_refused(inquiry, news, error);
}

/* ---- what the spool has of the oldest mark ----------------------------------------------------------------------- */

/* From its first event on. An empty parcel: the spool has nothing of it any more, so it is not watched any more. */
static bool read_oldest(const struct inquiry *inquiry, struct error *error)
{
    const struct confirm_mark *oldest = confirm_oldest(inquiry->confirm);
    struct parcel *parcel = inquiry->parcel;
    uint64_t first = oldest->first_ordinal;
    uint64_t behind = oldest->last_ordinal + 1;

    parcel_reset(parcel);
    if (inquiry->spool != NULL && !spool_read(inquiry->spool, first, parcel, error))
        return false;
    parcel_cut(parcel, behind);
    confirm_forget_before(inquiry->confirm, parcel->count == 0 ? behind : parcel->items[0].ordinal);
    return true;
}

/* A disk that does not give it holds up nothing either. */
static bool was_unreadable(const struct inquiry *inquiry, struct inquiry_news *news, const struct error *error)
{
    confirm_looked(inquiry->confirm, true);
    news->refused = true;
    news->refusal = *error;
    return true;
}

/* ---- look -------------------------------------------------------------------------------------------------------- */

static bool look(const struct inquiry *inquiry, struct inquiry_news *news, struct error *error)
{
    struct carrier *carrier = inquiry->carrier;
    struct confirm_mark looked_for = *confirm_oldest(inquiry->confirm);
    char key[STREAM_KEY_BYTES_MAX];
    bool is_there;

    if (!read_oldest(inquiry, error))
        return was_unreadable(inquiry, news, error);
    if (inquiry->parcel->count == 0 || inquiry->parcel->items[0].ordinal != looked_for.first_ordinal)
        return true;

    stream_key(carrier->stream, carrier->shards, looked_for.shard, key);
    if (archived_append_look(carrier->redis, key, looked_for.id, error) && redis_send(carrier->redis, error) &&
        archived_receive_look(carrier->redis, &carrier->answers,
                              parcel_payload(inquiry->parcel, &inquiry->parcel->items[0]), &is_there, error)) {
        news->lost = confirm_looked(inquiry->confirm, is_there);
        return true;
    }
    if (!was_refused(inquiry, news, error))
        return false;
    confirm_looked(inquiry->confirm, true);
    return true;
}

/* ---- again ------------------------------------------------------------------------------------------------------- */

/* How many at the front of the parcel the ledger has. */
static size_t count_archived(const struct inquiry *inquiry)
{
    const struct parcel *parcel = inquiry->parcel;
    uint64_t watermark = confirm_watermark(inquiry->confirm);
    struct event event;
    struct error unused;
    bool has_identity;
    size_t count = 0;

    for (; count < parcel->count; count++) {
        event_decode(parcel_payload(parcel, &parcel->items[count]), &event, &has_identity, &unused);
        if (has_identity && event.sequence > watermark)
            break;
    }
    return count;
}

static bool send_again(const struct inquiry *inquiry, struct inquiry_news *news, struct error *error)
{
    struct parcel *parcel = inquiry->parcel;
    struct confirm_mark mark;
    size_t retried;

    carrier_address(inquiry->carrier, parcel);
    if (!carrier_send(inquiry->carrier, parcel, 0, &retried, error)) {
        /* One shard refuses: the others have their part, and would be sent it each time. */
        if (redis_is_connected(inquiry->carrier->redis))
            (void)confirm_looked(inquiry->confirm, true);
        return false;
    }
    struct marks marks = marks_of(parcel);
    if (marks_next(&marks, &mark))
        confirm_sent_again(inquiry->confirm, &mark);
    news->resent = parcel->count;
    return true;
}

/* Where the ledger has some of it already, the rest is due at the next step. */
static bool again(const struct inquiry *inquiry, struct inquiry_news *news, struct error *error)
{
    const struct parcel *parcel = inquiry->parcel;

    if (!read_oldest(inquiry, error))
        return was_unreadable(inquiry, news, error);
    if (parcel->count == 0)
        return true;

    size_t archived = count_archived(inquiry);
    if (archived == 0)
        return send_again(inquiry, news, error);
    confirm_forget_before(inquiry->confirm, parcel->items[archived - 1].ordinal + 1);
    return true;
}

bool inquiry_step(const struct inquiry *inquiry, bool in_hurry, struct inquiry_news *news, struct error *error)
{
    int64_t due_us;

    *news = (struct inquiry_news){.confirmed = 0};
    switch (confirm_due(inquiry->confirm, in_hurry, &due_us)) {
    case CONFIRM_NOTHING:
        return true;
    case CONFIRM_ASK:
        return ask(inquiry, news, error);
    case CONFIRM_LOOK:
        return look(inquiry, news, error);
    case CONFIRM_AGAIN:
        return again(inquiry, news, error);
    }
    return true;
}
