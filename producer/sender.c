#include "producer/sender.h"

#include "producer/fork.h"
#include "producer/outbox_sender.h"
#include "proto/arena.h"
#include "proto/backoff.h"
#include "proto/clock.h"
#include "proto/entry.h"
#include "proto/redis.h"
#include "proto/stream.h"
#include "proto/thread.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sender {
    struct outbox *outbox; /* held */
    struct redis *redis;   /* owned */
    int fork_place;
    struct backoff backoff;
    struct arena answers;
    char stream[STREAM_NAME_BYTES_MAX + 1];
    unsigned shards;
    struct queue_record *batch[SENDER_EVENTS_MAX]; /* being sent; in the outbox */
    size_t count;
};

/* ---- one attempt --------------------------------------------------------------------------------------------------- */

static bool connect_line(struct sender *sender, struct error *error)
{
    bool connected = redis_connect(sender->redis, error);

    outbox_sender_note_line(sender->outbox, connected);
    return connected;
}

/* The oldest events without an answer, up to the bounds; the first whatever its size. */
static void fill_batch(struct sender *sender, struct queue_span span)
{
    const struct queue *queue = outbox_sender_queue(sender->outbox);
    struct queue_record *record;
    size_t bytes = 0;

    sender->count = 0;
    while (sender->count < SENDER_EVENTS_MAX && bytes < SENDER_BYTES_MAX &&
           (record = queue_next(queue, &span)) != NULL) {
        if (record->state == QUEUE_ANSWERED)
            continue;
        sender->batch[sender->count++] = record;
        bytes += record->size;
    }
}

static bool send_batch(struct sender *sender, size_t *retried, struct error *error)
{
    char key[STREAM_KEY_BYTES_MAX];

    for (size_t i = 0; i < sender->count; i++) {
        struct queue_record *record = sender->batch[i];

        stream_key(sender->stream, sender->shards, record->shard, key);
        if (!entry_append(sender->redis, key, queue_payload(record), error))
            return false;
        *retried += record->state == QUEUE_SENT;
        record->state = QUEUE_SENT;
    }
    return redis_send(sender->redis, error);
}

/* The answer for one event. False, with the line still up, when it is an error. */
static bool receive_answer(struct sender *sender, struct error *error)
{
    struct reply reply;

    arena_reset(&sender->answers, 0);
    if (!redis_receive(sender->redis, &sender->answers, 0, &reply, error))
        return false;
    if (reply.type == REPLY_STRING)
        return true;
    redis_disconnect(sender->redis);
    return error_set(error, ERROR_FATAL, "reply", "cannot understand the answer to XADD");
}

/* An error answer is for one event only; those behind it have answers of their own. The first error is told. */
static bool receive_answers(struct sender *sender, struct error *error)
{
    bool good = true;

    for (size_t i = 0; i < sender->count; i++) {
        struct error refusal;

        if (receive_answer(sender, &refusal)) {
            sender->batch[i]->state = QUEUE_ANSWERED;
            continue;
        }
        if (good)
            *error = refusal;
        good = false;
        if (!redis_is_connected(sender->redis))
            break;
    }
    return good;
}

/* A demoted master: behind its name there may be the new one by now. */
static bool may_have_moved(const struct error *error)
{
    return strcmp(error->reason, "readonly") == 0;
}

/* Send what is there. Progress, even behind an error, ends the backoff. */
static bool deliver(struct sender *sender, struct queue_span span, struct error *error)
{
    size_t retried = 0;

    if (!connect_line(sender, error))
        return false;

    fill_batch(sender, span);
    bool sent = send_batch(sender, &retried, error);
    bool good = sent && receive_answers(sender, error);

    /* What was appended and not sent would be sent with the next batch. */
    if (!sent || (!good && may_have_moved(error)))
        redis_disconnect(sender->redis);
    if (!redis_is_connected(sender->redis))
        outbox_sender_note_line(sender->outbox, false);

    struct queue_answered answered = queue_answered(outbox_sender_queue(sender->outbox), span);
    outbox_sender_settle(sender->outbox, &answered, retried);
    if (answered.events > 0)
        backoff_reset(&sender->backoff);
    return good;
}

/* ---- the thread ---------------------------------------------------------------------------------------------------- */

static void rest(struct sender *sender, const struct error *error)
{
    int64_t wait_us = backoff_next_us(&sender->backoff);

    /* An operator is slower than any backoff. */
    if (error->kind == ERROR_FATAL && wait_us < sender->backoff.cap_us / 2)
        wait_us = sender->backoff.cap_us / 2;
    outbox_sender_note_failure(sender->outbox, error);
    outbox_sender_rest(sender->outbox, wait_us);
}

/* Everything that does I/O goes before the outbox hears of the end: the process may be about to exit. */
static void end(struct sender *sender)
{
    struct outbox *outbox = sender->outbox;

    fork_disown(sender->fork_place);
    redis_free(sender->redis);
    arena_close(&sender->answers);
    free(sender);
    outbox_sender_ends(outbox);
    outbox_release(outbox);
}

/* Woken by an emit, we must not take its caller's processor from it in the middle of the call. Where that is not allowed
 * we go on as we are. */
static void be_unobtrusive(void)
{
    struct sched_param parameters = {.sched_priority = 0};

    (void)sched_setscheduler(0, SCHED_BATCH, &parameters);
}

static void *run(void *self)
{
    struct sender *sender = self;
    struct queue_span span;
    struct error error;

    be_unobtrusive();
    while (outbox_sender_wait(sender->outbox, &span))
        if (!deliver(sender, span, &error))
            rest(sender, &error);
    end(sender);
    return NULL;
}

/* ---- starting ------------------------------------------------------------------------------------------------------- */

/* Different in every process and for every sender in it. */
static uint64_t seed(const struct sender *sender)
{
    return (uint64_t)clock_system()->unix_us(NULL) ^ (uint64_t)getpid() << 32 ^ (uint64_t)(uintptr_t)sender;
}

/* NULL: nothing was begun. */
static struct sender *new_sender(struct outbox *outbox, const struct settings *settings, struct error *error)
{
    struct redis_options options = settings_redis(settings);
    struct sender *sender = calloc(1, sizeof *sender);

    if (sender == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for a sender");
        return NULL;
    }
    if (!outbox_sender_begins(outbox, &options.cancel_descriptor, error)) {
        free(sender);
        return NULL;
    }
    sender->outbox = outbox_hold(outbox);
    sender->fork_place = -1;
    sender->shards = settings->shards;
    snprintf(sender->stream, sizeof sender->stream, "%s", settings->stream);
    backoff_init(&sender->backoff, settings->backoff_base_ms, settings->backoff_cap_ms, seed(sender));
    sender->redis = redis_new(&options, error);
    if (sender->redis == NULL) {
        end(sender);
        return NULL;
    }
    sender->fork_place = fork_own(sender->redis, options.cancel_descriptor);
    return sender;
}

static bool start(struct sender *sender, struct error *error)
{
    return thread_start(run, sender) || error_set_errno(error, ERROR_TRANSIENT, "thread", "could not start the sender");
}

void sender_ensure(struct outbox *outbox, const struct settings *settings, bool in_hurry)
{
    struct sender *sender;
    struct error error;

    if (!outbox_sender_wanted(outbox, in_hurry))
        return;
    sender = new_sender(outbox, settings, &error);
    if (sender != NULL && start(sender, &error))
        return;
    if (sender != NULL)
        end(sender);
    outbox_sender_failed(outbox, &error);
}
