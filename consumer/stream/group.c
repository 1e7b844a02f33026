#include "consumer/stream/group_inside.h"
#include "proto/event.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    BACKOFF_BASE_MS = 20,
    BACKOFF_CAP_MS = 1000,
    ANSWER_MS = 2000,  /* the line's own default */
    FAILURES_TOLD = 3, /* in a row: a failover, or a slot that moves, takes one or two */
};

/* ---- making ------------------------------------------------------------------------------------------------------ */

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_FATAL, "memory", "cannot allocate the source");
}

static bool is_several(const struct group *group)
{
    return group->lane_count > 1;
}

static bool allocate(struct group *group, const struct group_options *options)
{
    size_t lanes = options->line_per_shard ? options->shards : 1;

    group->group = strdup(options->group);
    group->keys = calloc(options->shards, sizeof *group->keys);
    group->key_pointers = calloc(options->shards, sizeof *group->key_pointers);
    group->lost_at = calloc(options->shards, sizeof *group->lost_at);
    group->deleted = calloc(GROUP_DELETED_MAX, sizeof *group->deleted);
    group->lanes = calloc(lanes, sizeof *group->lanes);
    group->awaited = calloc(lanes + 1, sizeof *group->awaited);
    group->gathered = lanes > 1 ? calloc(BATCH_ENTRIES_MAX, sizeof *group->gathered) : NULL;
    group->lane_count = group->lanes == NULL ? 0 : lanes;
    return group->group && group->keys && group->key_pointers && group->lost_at && group->deleted && group->lanes &&
           group->awaited && (lanes == 1 || group->gathered);
}

static void prepare(struct group *group, const struct group_options *options)
{
    group->slot = options->slot;
    group->shards = options->shards;
    group->spread.shards = options->shards;
    group->wait_ms = GROUP_WAIT_MS_MAX;
    group->batch_entries = options->batch_entries == 0 ? BATCH_ENTRIES_MAX : options->batch_entries;
    group->clock = options->redis.clock == NULL ? clock_system() : options->redis.clock;
    group->request_timeout_ms = options->redis.request_timeout_ms == 0 ? ANSWER_MS : options->redis.request_timeout_ms;
    group->agrees_on_shards = strcmp(options->stream, STREAM_DEFAULT) == 0;
    group->wake_descriptor = options->redis.wake_descriptor;
    for (unsigned shard = 0; shard < group->shards; shard++) {
        stream_key(options->stream, group->shards, shard, group->keys[shard]);
        group->key_pointers[shard] = group->keys[shard];
    }
}

/* The shards of a cluster have a lane each; those of a server have one together. */
static bool make_lane(struct group *group, size_t at, const struct group_options *options, struct error *error)
{
    struct group_lane *place = &group->lanes[at];
    struct redis_options line = options->redis;

    line.reply_string_max = EVENT_BYTES_MAX + 1; /* one byte more tells that it is too long */
    if (is_several(group))
        line.wake_descriptor = 0; /* we wait for all of them at once, and are woken ourselves */
    place->lane = (struct lane){
        .group = group->group,
        .keys = group->key_pointers,
        .first = (unsigned)at,
        .shards = is_several(group) ? 1 : group->shards,
        .counters = &group->counters,
        .acks_counters = &group->acks,
        .lost_at = group->lost_at,
    };
    backoff_init(&place->backoff, BACKOFF_BASE_MS, BACKOFF_CAP_MS, (uint64_t)(uintptr_t)place);
    return lane_init(&place->lane, options, &line, error);
}

static bool make_lanes(struct group *group, const struct group_options *options, struct error *error)
{
    for (size_t at = 0; at < group->lane_count; at++)
        if (!make_lane(group, at, options, error))
            return false;
    if (is_several(group))
        group_lanes_share(group);
    return true;
}

struct group *group_new(const struct group_options *options, struct error *error)
{
    assert(options->shards >= 1 && options->shards <= STREAM_SHARDS_MAX);
    assert(options->batch_entries <= BATCH_ENTRIES_MAX);

    struct group *group = calloc(1, sizeof *group);
    if (group == NULL || !allocate(group, options)) {
        group_free(group);
        no_memory(error);
        return NULL;
    }
    prepare(group, options);
    if (make_lanes(group, options, error))
        return group;
    group_free(group);
    return NULL;
}

void group_free(struct group *group)
{
    if (group == NULL)
        return;
    for (size_t at = 0; at < group->lane_count; at++)
        lane_close(&group->lanes[at].lane);
    free(group->gathered);
    free(group->awaited);
    free(group->lanes);
    free(group->deleted);
    free(group->lost_at);
    free(group->key_pointers);
    free(group->keys);
    free(group->group);
    free(group);
}

/* ---- the source -------------------------------------------------------------------------------------------------- */

static struct lane *only_lane(struct group *group)
{
    return &group->lanes->lane;
}

static bool read_lane(struct group *group, struct batch *batch, struct error *error)
{
    if (!lane_receive(only_lane(group), error))
        return false;
    *batch = lane_hand_out(only_lane(group));
    return true;
}

/* Several are opened as they are read. */
static bool open_lane(struct group *group, struct error *error)
{
    return is_several(group) || lane_open(only_lane(group), &group->name, error);
}

static bool read_batch(void *self, struct batch *batch, struct error *error)
{
    struct group *group = self;

    if ((!is_several(group) && !lane_tell_ahead(only_lane(group), error)) ||
        !group->slot.hold(group->slot.self, &group->name, error) || !open_lane(group, error))
        return false;
    if (group->deleted_count > 0) {
        *batch = (struct batch){.entries = group->deleted, .count = group->deleted_count};
        return true;
    }
    return is_several(group) ? group_lanes_read(group, batch, error) : read_lane(group, batch, error);
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
    if (is_several(group))
        return group_lanes_settle(group, error);
    return lane_acknowledge(only_lane(group), batch, error) && lane_tell_ahead(only_lane(group), error);
}

static void rewind_all(void *self)
{
    group_lanes_leave(self);
}

static void finish(void *self)
{
    struct group *group = self;

    group->finishing = true;
    for (size_t at = 0; at < group->lane_count; at++)
        group->lanes[at].lane.reading.finishing = true;
}

static bool ended(void *self)
{
    const struct group *group = self;

    if (!group->finishing || group->deleted_count > 0)
        return false;
    for (size_t at = 0; at < group->lane_count; at++)
        if (lane_awaits_answer(&group->lanes[at].lane) || group->lanes[at].lane.acks.ahead > 0)
            return false;
    return true;
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

/* ---- reading ahead ----------------------------------------------------------------------------------------------- */

bool group_read_ahead(struct group *group)
{
    bool more = false;

    for (size_t at = 0; at < group->lane_count; at++)
        more |= lane_read_ahead(&group->lanes[at].lane);
    return more;
}

size_t group_descriptors_ahead(const struct group *group, int *descriptors, size_t max)
{
    size_t count = 0;

    for (size_t at = 0; at < group->lane_count && count < max; at++) {
        int descriptor = lane_descriptor_ahead(&group->lanes[at].lane);

        if (descriptor >= 0)
            descriptors[count++] = descriptor;
    }
    return count;
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
    for (size_t at = 0; at < group->lane_count; at++)
        group->lanes[at].lane.reading.reread = true;
}

bool group_awaits_answer(const struct group *group)
{
    if (!is_several(group))
        return lane_awaits_answer(&group->lanes->lane);
    for (size_t at = 0; at < group->lane_count; at++)
        if (lane_is_amid(&group->lanes[at].lane))
            return true;
    return false;
}

void group_set_wait_ms(struct group *group, int wait_ms)
{
    assert(wait_ms >= 0 && wait_ms <= GROUP_WAIT_MS_MAX);
    group->wait_ms = wait_ms;
    if (!is_several(group))
        only_lane(group)->wait_ms = wait_ms;
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
    for (size_t at = 0; at < group->lane_count; at++)
        if (redis_is_connected(group->lanes[at].lane.redis))
            return true;
    return false;
}

const char *group_address(const struct group *group)
{
    return redis_address(group->lanes->lane.redis);
}

const struct group_counters *group_counters(const struct group *group)
{
    return &group->counters;
}

const struct acks_counters *group_acks_counters(const struct group *group)
{
    return &group->acks;
}

/* ---- spreading --------------------------------------------------------------------------------------------------- */

bool group_is_spread(const struct group *group)
{
    return is_several(group);
}

void group_spread(struct group *group, const struct spread *spread)
{
    assert(is_several(group) && spread->shards == group->shards);
    group->spread = *spread;
    group_lanes_share(group);
}

bool group_reads(const struct group *group, unsigned shard)
{
    return !is_several(group) || spread_has(&group->spread, shard) || group->lanes[shard].lane.dirty;
}

size_t group_shards_read(const struct group *group)
{
    size_t count = 0;

    for (size_t at = 0; at < group->lane_count; at++)
        if (redis_is_connected(group->lanes[at].lane.redis))
            count += group->lanes[at].lane.shards;
    return count;
}

const struct error *group_away(const struct group *group)
{
    for (size_t at = 0; at < group->lane_count; at++)
        if (group->lanes[at].failures >= FAILURES_TOLD && spread_has(&group->spread, (unsigned)at))
            return &group->away;
    return NULL;
}
