#include "consumer/stream/group.h"

#include "consumer/stream/greeting.h"
#include "consumer/stream/question.h"
#include "consumer/stream/reading.h"
#include "proto/entry.h"
#include "proto/event.h"
#include "proto/redis_error.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_ANSWER_BYTES = 64 * 1024 };

struct group {
    struct redis *redis;
    struct group_slot slot;
    struct group_name name;
    struct greeting greeting;
    char *group;
    unsigned shards;
    char (*keys)[STREAM_KEY_BYTES_MAX];
    const char **key_pointers; /* to the same keys */
    int wait_ms;

    struct reading reading;
    struct question question;
    enum reading_ask ask; /* the answer that is owed to us, or that we are amid of */
    size_t ask_bytes;     /* of payloads, in that answer so far */
    struct acks acks;

    struct arena arena; /* of the present batch */
    struct arena small; /* of small answers */
    struct entry_reader reader;
    struct entry *entries; /* BATCH_ENTRIES_MAX */

    struct entry *deleted; /* GROUP_DELETED_MAX */
    size_t deleted_count;

    bool greeted; /* once: the groups were there */
    struct group_counters counters;
};

/* ---- making ------------------------------------------------------------------------------------------------------ */

static bool allocate(struct group *group, const struct group_options *options)
{
    group->group = strdup(options->group);
    group->keys = calloc(options->shards, sizeof *group->keys);
    group->key_pointers = calloc(options->shards, sizeof *group->key_pointers);
    group->entries = calloc(BATCH_ENTRIES_MAX, sizeof *group->entries);
    group->deleted = calloc(GROUP_DELETED_MAX, sizeof *group->deleted);
    return group->group && group->keys && group->key_pointers && group->entries && group->deleted;
}

static void prepare(struct group *group, const struct group_options *options)
{
    group->slot = options->slot;
    group->shards = options->shards;
    group->wait_ms = GROUP_WAIT_MS_MAX;
    for (unsigned shard = 0; shard < group->shards; shard++) {
        stream_key(options->stream, group->shards, shard, group->keys[shard]);
        group->key_pointers[shard] = group->keys[shard];
    }

    reading_init(&group->reading, group->shards,
                 options->batch_entries == 0 ? BATCH_ENTRIES_MAX : options->batch_entries);
    arena_init(&group->arena, GROUP_ARENA_BYTES_MAX);
    arena_init(&group->small, 0);
    group->acks = (struct acks){.group = group->group, .keys = group->key_pointers};
    group->greeting = (struct greeting){
        .group = group->group,
        .keys = group->key_pointers,
        .shards = group->shards,
        .agrees_on_shards = strcmp(options->stream, STREAM_DEFAULT) == 0,
    };
    group->reader = (struct entry_reader){
        .shape = ENTRY_SHAPE_GROUP,
        .arena = &group->arena,
        .entries = group->entries,
        .capacity = BATCH_ENTRIES_MAX,
        .keys = group->key_pointers,
        .shards = group->shards,
    };
}

struct group *group_new(const struct group_options *options, struct error *error)
{
    assert(options->shards >= 1 && options->shards <= STREAM_SHARDS_MAX);
    assert(options->batch_entries <= BATCH_ENTRIES_MAX);

    struct redis_options line = options->redis;
    line.reply_string_max = EVENT_BYTES_MAX + 1; /* one byte more tells that it is too long */

    struct group *group = calloc(1, sizeof *group);
    if (group == NULL || !allocate(group, options)) {
        group_free(group);
        error_set(error, ERROR_FATAL, "memory", "cannot allocate the source");
        return NULL;
    }
    prepare(group, options);

    group->redis = redis_new(&line, error);
    if (group->redis != NULL &&
        question_init(&group->question, group->group, group->key_pointers, group->shards, error))
        return group;
    group_free(group);
    return NULL;
}

void group_free(struct group *group)
{
    if (group == NULL)
        return;
    redis_free(group->redis);
    question_close(&group->question);
    arena_close(&group->arena);
    arena_close(&group->small);
    free(group->deleted);
    free(group->entries);
    free(group->key_pointers);
    free(group->keys);
    free(group->group);
    free(group);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void forget_line(struct group *group)
{
    redis_disconnect(group->redis);
    reading_restart(&group->reading);
    acks_forget(&group->acks);
    group->ask = READING_NOTHING;
}

/* What was there at an earlier greeting and has to be made again was lost. */
static bool greet(struct group *group, struct error *error)
{
    uint64_t made = 0;
    bool good = greeting_say(&group->greeting, group->redis, &group->small, &made, error);

    group->counters.groups_made += made;
    group->counters.groups_lost += group->greeted && made > 0;
    group->counters.lost_at = question_lost(&group->question, group->greeted ? made : 0);
    group->greeted |= good;
    return good;
}

static bool open_line(struct group *group, struct error *error)
{
    if (!redis_connect(group->redis, error))
        return false;
    group->counters.connects++;

    arena_reset(&group->small, SMALL_ANSWER_BYTES);
    return greet(group, error);
}

static bool ensure_open(struct group *group, struct error *error)
{
    struct group_name name;

    if (!group->slot.hold(group->slot.self, &name, error))
        return false;
    if (name.tenure == group->name.tenure && redis_is_connected(group->redis))
        return true;

    forget_line(group);
    group->name = name;
    if (open_line(group, error))
        return true;
    redis_disconnect(group->redis);
    return false;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* Nothing is sent yet. */
static bool ask_next(struct group *group, bool unsettled, struct error *error)
{
    enum reading_ask ask = reading_next(&group->reading, unsettled);

    if (ask == READING_NOTHING)
        return true;
    if (ask == READING_NEW_WAITING && group->wait_ms == 0)
        ask = READING_NEW; /* to Redis, BLOCK 0 means for ever */
    const struct question_terms terms = {ask, group->name.consumer, reading_share(&group->reading), group->wait_ms};
    if (!question_append(&group->question, group->redis, &terms, error))
        return false;
    group->ask = ask;
    group->ask_bytes = 0;
    group->reader.delivered = 0;
    group->reader.overflow = false;
    return true;
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static void note_entries(struct group *group)
{
    for (size_t i = 0; i < group->reader.count; i++) {
        struct entry *entry = &group->entries[i];

        entry->deliveries = group->ask == READING_NEW || group->ask == READING_NEW_WAITING;
        group->ask_bytes += entry->payload_bytes;
        question_passed(&group->question, entry);
    }
    group->counters.delivered += group->reader.count;
}

static void answer_ended(struct group *group)
{
    reading_answered(&group->reading, group->ask, group->reader.delivered, group->ask_bytes);
    acks_read_ended(&group->acks);
    group->ask = READING_NOTHING;
}

/* Fill the batch from the present answer; what does not fit stays on the line. */
static bool receive_entries(struct group *group, struct error *error)
{
    struct redis_visitor visitor = entry_visitor(&group->reader);
    int extra_wait_ms = group->ask == READING_NEW_WAITING ? group->wait_ms : 0;
    bool complete = false;

    while (!complete && group->reader.bytes < BATCH_BYTES_MAX)
        if (!redis_receive_part(group->redis, &visitor, REDIS_PART_BYTES, extra_wait_ms, &complete, error))
            return false;
    if (group->reader.overflow)
        return error_set(error, ERROR_TRANSIENT, "protocol", "could not take more entries than were asked for");

    note_entries(group);
    if (complete)
        answer_ended(group);
    return true;
}

/* A wait that somebody ended was in vain, and with it ends the line. What may have come at that moment is pending. */
static bool receive(struct group *group, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};

    if (acks_receive(&group->acks, group->redis, &group->small, &why) && receive_entries(group, &why))
        return true;

    bool woken = redis_error_is(&why, "canceled");
    if (woken)
        forget_line(group);
    else
        *error = why;
    return woken;
}

/* Ask and receive until there are entries or a wait was in vain. An empty answer leads to the next question: own
 * pending entries, new ones, new ones with a wait. */
static bool receive_some(struct group *group, struct error *error)
{
    bool waited = false;

    while (group->reader.count == 0 && !waited) {
        if (group->ask == READING_NOTHING && !ask_next(group, false, error))
            return false;
        if (group->ask == READING_NOTHING)
            return acks_receive(&group->acks, group->redis, &group->small, error);

        waited = group->ask == READING_NEW_WAITING || (group->ask == READING_NEW && group->wait_ms == 0);
        if (!receive(group, error))
            return false;
    }
    return true;
}

/* ---- the source -------------------------------------------------------------------------------------------------- */

static bool read_batch(void *self, struct batch *batch, struct error *error)
{
    struct group *group = self;

    if (!ensure_open(group, error))
        return false;
    if (group->deleted_count > 0) {
        *batch = (struct batch){.entries = group->deleted, .count = group->deleted_count};
        return true;
    }

    group->reader.count = 0;
    group->reader.bytes = 0;
    arena_reset(&group->arena, GROUP_ARENA_BYTES_MAX);
    if (!receive_some(group, error))
        return false;
    bool ends = group->reader.count > 0 && group->ask == READING_NOTHING;
    if (ends && (!ask_next(group, true, error) || !redis_send(group->redis, error)))
        return false;

    *batch = (struct batch){.entries = group->entries, .count = group->reader.count};
    return true;
}

static bool settle(void *self, const struct batch *batch, struct error *error)
{
    struct group *group = self;

    histogram_add(&group->counters.batch_entries, &histogram_batch_entries, batch->count);
    /* Redis gave these up by itself: there is nothing to acknowledge. */
    if (batch->entries == group->deleted) {
        group->deleted_count = 0;
        return true;
    }
    return acks_append(&group->acks, group->redis, batch, group->ask != READING_NOTHING, error);
}

static void rewind_all(void *self)
{
    forget_line(self);
}

static void finish(void *self)
{
    ((struct group *)self)->reading.finishing = true;
}

static bool ended(void *self)
{
    const struct group *group = self;

    return group->reading.finishing && group->deleted_count == 0 && group->ask == READING_NOTHING &&
           group->acks.ahead == 0;
}

struct source group_source(struct group *group)
{
    return (struct source){
        .read = read_batch,
        .settle = settle,
        .rewind = rewind_all,
        .finish = finish,
        .ended = ended,
        .self = group,
    };
}

/* ---- what others ask and tell ------------------------------------------------------------------------------------ */

const char *group_consumer(const struct group *group)
{
    return group->name.consumer;
}

const char *group_key(const struct group *group, unsigned shard)
{
    return group->keys[shard];
}

void group_reread(struct group *group)
{
    group->reading.reread = true;
}

bool group_awaits_answer(const struct group *group)
{
    return group->ask != READING_NOTHING;
}

void group_set_wait_ms(struct group *group, int wait_ms)
{
    assert(wait_ms >= 0 && wait_ms <= GROUP_WAIT_MS_MAX);
    group->wait_ms = wait_ms;
}

size_t group_deleted_room(const struct group *group)
{
    return GROUP_DELETED_MAX - group->deleted_count;
}

void group_add_deleted(struct group *group, unsigned shard, struct stream_id id)
{
    assert(group->deleted_count < GROUP_DELETED_MAX);
    group->deleted[group->deleted_count++] = (struct entry){.id = id, .shard = shard, .state = ENTRY_DELETED};
}

bool group_is_connected(const struct group *group)
{
    return redis_is_connected(group->redis);
}

const char *group_address(const struct group *group)
{
    return redis_address(group->redis);
}

const struct group_counters *group_counters(const struct group *group)
{
    return &group->counters;
}

const struct acks_counters *group_acks_counters(const struct group *group)
{
    return &group->acks.counters;
}
