#include "producer/accept.h"

#include "proto/event.h"

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <sys/random.h>

#define RENEW_US (INT64_C(86400000000) * ACCEPT_RENEW_DAYS)

/* Producer events go to one shard, whatever the number of shards. */
enum { SHARD_OF_PRODUCERS = 0 };

/* Encoding a last word takes the message and a copy of its text, each aligned. */
enum { SCRATCH_BYTES = 4 * QUEUE_LAST_WORD_BYTES };

static int64_t unix_us(const struct accept *accept)
{
    return accept->ground.clock->unix_us(accept->ground.clock->self);
}

static int64_t monotonic_us(const struct accept *accept)
{
    return accept->ground.clock->monotonic_us(accept->ground.clock->self);
}

/* A new chain with nothing in it. */
static bool make_identity(const struct accept *accept, struct identity *identity)
{
    uint8_t random[10];

    /* Without blocking: at boot the kernel may have none yet. */
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        return false;
    *identity = (struct identity){
        .producer_id = uuid_v7(unix_us(accept), random),
        .renew_at_us = monotonic_us(accept) + RENEW_US,
    };
    return true;
}

bool accept_init(struct accept *accept, const struct accept_ground *ground, struct error *error)
{
    *accept = (struct accept){.ground = *ground};
    if (!make_identity(accept, &accept->identity))
        return error_set_errno(error, ERROR_TRANSIENT, "random", "could not get randomness for an identity");
    return true;
}

/* Room for that and, where there is a hole, for its declaration. */
static bool make_room(const struct accept *accept, size_t events, size_t payload_bytes)
{
    size_t holes = accept->hole.first == 0 ? 0 : 1;

    return queue_make_room(accept->ground.queue, events + holes, payload_bytes + holes * QUEUE_LAST_WORD_BYTES);
}

/* ---- the lane ---------------------------------------------------------------------------------------------------- */

static void shut_lane(struct accept *accept)
{
    accept->identity.sequence += queue_shut_lane(accept->ground.queue);
}

static void open_lane(struct accept *accept)
{
    const struct identity *identity = &accept->identity;

    if (accept->ground.has_lanes && identity->sequence > 0 && accept->hole.first == 0 && !accept->is_closed)
        queue_open_lane(accept->ground.queue, &identity->producer_id, identity->sequence + 1, identity->renew_at_us);
}

/* When it happened; taken before the event has its place, so that it is not later than what comes next. */
static struct queue_raw raw_of(const struct accept *accept, const struct draft *draft)
{
    return (struct queue_raw){
        .occurred_at_us = draft->occurred_at_us != 0 ? draft->occurred_at_us : unix_us(accept),
        .time_is_given = draft->occurred_at_us != 0,
    };
}

bool accept_at_once(struct accept *accept, const struct draft *draft, struct accept_place *place)
{
    struct queue *queue = accept->ground.queue;
    struct lane_place taken;

    if (lane_is_shut(&queue->lane))
        return false;
    struct queue_raw raw = raw_of(accept, draft);
    if (!queue_reserve(queue, draft->body.size, monotonic_us(accept), &taken))
        return false;
    raw.producer_id = taken.producer_id;
    raw.sequence = taken.sequence;
    queue_commit(queue, &taken, draft->shard, &raw, draft->body);
    *place = (struct accept_place){taken.producer_id, taken.sequence, taken.ordinal};
    return true;
}

/* ---- with the lock, while the lane is shut ----------------------------------------------------------------------- */

/* There is room. */
static void say(struct accept *accept, const struct draft *draft)
{
    struct queue *queue = accept->ground.queue;
    struct identity *identity = &accept->identity;
    struct queue_raw raw = raw_of(accept, draft);

    raw.producer_id = identity->producer_id;
    raw.sequence = ++identity->sequence;
    queue_push(queue, draft->shard, &raw, draft->body);
    accept->said = queue_last(queue);
    runs_note(&accept->runs, accept->said, &identity->producer_id, identity->sequence);
}

static void say_opened(struct accept *accept)
{
    say(accept, &(struct draft){.body = accept->ground.opened, .shard = SHARD_OF_PRODUCERS});
}

/* ProducerDropped and ProducerClosed: so small that encoding them cannot fail. */
static void say_last_word(struct accept *accept, const struct event *event)
{
    alignas(max_align_t) uint8_t scratch[SCRATCH_BYTES];
    struct draft draft = {.shard = SHARD_OF_PRODUCERS};
    struct error error;
    struct arena arena;

    arena_init_with(&arena, scratch, sizeof scratch, sizeof scratch);
    bool encoded = event_encode_body(event, &arena, &draft.body, &error);
    assert(encoded && draft.body.size + EVENT_HEAD_BYTES_MAX <= QUEUE_LAST_WORD_BYTES);
    (void)encoded;
    say(accept, &draft);
}

static void say_hole(struct accept *accept)
{
    struct event event = {.body = EVENT_PRODUCER_DROPPED};

    if (accept->hole.first == 0)
        return;
    event.producer_dropped.first_sequence = accept->hole.first;
    event.producer_dropped.last_sequence = accept->hole.last;
    event.producer_dropped.reason = slice_from_text(accept->hole.reason);
    say_last_word(accept, &event);
    accept->hole = (struct hole){.first = 0};
}

static void say_closed(struct accept *accept)
{
    struct event event = {.body = EVENT_PRODUCER_CLOSED};

    event.producer_closed.last_sequence = accept->identity.sequence + 1;
    say_last_word(accept, &event);
}

/* Close this identity and open the next, if there is room for that and for `bytes` more. */
static void renew(struct accept *accept, size_t bytes)
{
    size_t own_bytes = QUEUE_LAST_WORD_BYTES + EVENT_HEAD_BYTES_MAX + accept->ground.opened.size;
    struct identity next;

    if (!make_room(accept, 3, own_bytes + bytes) || !make_identity(accept, &next))
        return;
    say_hole(accept);
    say_closed(accept);
    accept->identity = next;
    say_opened(accept);
}

static void drop(struct accept *accept, uint64_t count, const char *reason)
{
    if (accept->identity.sequence == 0)
        say_opened(accept);
    if (accept->hole.first == 0)
        accept->hole = (struct hole){.first = accept->identity.sequence + 1, .reason = reason};
    accept->identity.sequence += count;
    accept->hole.last = accept->identity.sequence;
}

static bool say_event(struct accept *accept, const struct draft *draft)
{
    size_t bytes = EVENT_HEAD_BYTES_MAX + draft->body.size;

    if (accept->identity.sequence == 0)
        say_opened(accept);
    if (monotonic_us(accept) >= accept->identity.renew_at_us)
        renew(accept, bytes);

    if (!make_room(accept, 1, bytes)) {
        drop(accept, 1, "full");
        return false;
    }
    say_hole(accept);
    say(accept, draft);
    return true;
}

/* ---- with the lock ----------------------------------------------------------------------------------------------- */

bool accept_event(struct accept *accept, const struct draft *draft)
{
    shut_lane(accept);
    bool accepted = say_event(accept, draft);
    open_lane(accept);
    return accepted;
}

/* While the lane is shut nobody takes the room away again. */
bool accept_event_with_room(struct accept *accept, const struct draft *draft, size_t events, size_t payload_bytes)
{
    shut_lane(accept);
    bool accepted = make_room(accept, events, payload_bytes) && say_event(accept, draft);
    open_lane(accept);
    return accepted;
}

void accept_refresh(struct accept *accept)
{
    shut_lane(accept);
    open_lane(accept);
}

void accept_drop(struct accept *accept, uint64_t count, const char *reason)
{
    shut_lane(accept);
    drop(accept, count, reason);
}

void accept_declare(struct accept *accept)
{
    if (accept->hole.first == 0)
        return;
    if (make_room(accept, 0, 0))
        say_hole(accept);
    open_lane(accept);
}

void accept_close(struct accept *accept)
{
    shut_lane(accept);
    accept->is_closed = true;
    if (accept->identity.sequence == 0)
        return;
    say_hole(accept);
    say_closed(accept);
}
