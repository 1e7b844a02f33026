#include "consumer/stream/group_inside.h"

#include "proto/redis_error.h"

#include <assert.h>
#include <string.h>

enum {
    LANE_ENTRIES_MIN = 50,
    LANE_BYTES_MIN = 256 * 1024,
    CALLS_APART = 4,    /* times what a call in vain took */
    SWALLOWED_MS = 100, /* who is there refuses sooner */
};

static int64_t now_us(const struct group *group)
{
    return group->clock->monotonic_us(group->clock->self);
}

/* ---- shares ------------------------------------------------------------------------------------------------------ */

static bool is_ours(const struct group *group, const struct group_lane *place)
{
    return spread_has(&group->spread, place->lane.first);
}

static size_t share_of(size_t all, size_t parts, size_t least)
{
    size_t share = all / parts;

    if (share < least)
        share = least;
    return share < all ? share : all;
}

void group_lanes_share(struct group *group)
{
    size_t ours = 0;

    for (size_t i = 0; i < group->lane_count; i++)
        ours += is_ours(group, &group->lanes[i]);
    for (size_t i = 0; i < group->lane_count; i++) {
        struct lane *lane = &group->lanes[i].lane;

        reading_limit(&lane->reading, share_of(group->batch_entries, ours, LANE_ENTRIES_MIN));
        lane->bytes_max = share_of(BATCH_BYTES_MAX, ours, LANE_BYTES_MIN);
    }
}

/* ---- failing ----------------------------------------------------------------------------------------------------- */

static void note_failure(struct group *group, struct group_lane *place, const struct error *why)
{
    lane_leave(&place->lane);
    place->count = 0;
    place->failures++;
    place->not_before_us = now_us(group) + backoff_next_us(&place->backoff);
    group->away = *why;
    group->counters.lanes_lost++;
}

/* A node that swallows what is sent to it keeps whoever calls it waiting, and all shards that are read with it: so no
 * more than a part of the time goes there, whatever number of lanes leads to it. Those of which that is known wait for each
 * other; a lane that has only lost its line does not wait for them. */
static void note_call_in_vain(struct group *group, struct group_lane *place, int64_t begun_us)
{
    int64_t end_us = now_us(group);

    group->not_before_us[place->swallowed] = end_us + CALLS_APART * (end_us - begun_us);
    place->swallowed = end_us - begun_us >= (int64_t)1000 * SWALLOWED_MS;
}

static int64_t call_due_us(const struct group *group, const struct group_lane *place)
{
    int64_t others_us = group->not_before_us[place->swallowed];

    return place->failures == 0 || place->not_before_us > others_us ? place->not_before_us : others_us;
}

static void note_answer(struct group *group, struct group_lane *place)
{
    if (place->failures > 0)
        backoff_reset(&place->backoff);
    place->failures = 0;
    place->swallowed = false;
    place->heard_us = now_us(group);
}

/* ---- looking after one lane -------------------------------------------------------------------------------------- */

/* It is read, or was and may have left something behind. Nobody is called again who wants to leave. */
static bool is_wanted(const struct group *group, const struct group_lane *place)
{
    if (group->finishing)
        return redis_is_connected(place->lane.redis);
    return is_ours(group, place) || place->lane.dirty;
}

/* A wait of the server's ends in time, and so does the silence of one that is there. What nobody asks for, and what has
 * no room here, may take as long as it likes. */
static bool check_silence(struct group *group, struct group_lane *place, struct error *error)
{
    const struct lane *lane = &place->lane;
    int64_t limit_us = (int64_t)1000 * (group->request_timeout_ms + GROUP_WAIT_MS_MAX);

    if (place->asks != lane->asks) {
        place->asks = lane->asks;
        place->heard_us = now_us(group);
    }
    if (lane_descriptor_ahead(lane) < 0 || now_us(group) - place->heard_us <= limit_us)
        return true;
    return error_set(error, ERROR_TRANSIENT, "timeout", "%s: could not get an answer in time",
                     redis_address(lane->redis));
}

/* Nothing is owed but for acknowledgements. */
static bool rest(struct group_lane *place, struct error *error)
{
    if (!lane_receive_acks(&place->lane, error))
        return false;
    if (place->lane.reading.leaving) {
        lane_leave(&place->lane);
        place->lane.dirty = false;
    }
    return true;
}

/* Who waits for the first entry is told no more than that we hang up; what comes at that moment is pending. */
static bool waits_in_vain(const struct group *group, const struct lane *lane)
{
    return group->finishing && lane->ask == READING_NEW_WAITING && lane->shelves.reader.delivered == 0 &&
           !redis_has_input(lane->redis);
}

/* One of them asks how many shards are in force: that key is on a node of its own, where the others have no business.
 * Who was told once, and finds that node away, goes on with what he was told. */
static bool open_lane(struct group *group, struct lane *lane, struct error *error)
{
    bool asks = group->agrees_on_shards && !group_is_connected(group);

    if (!redis_is_connected(lane->redis))
        lane->greeting.agrees_on_shards = asks;
    if (lane_open(lane, &group->name, error)) {
        group->agreed |= asks;
        return true;
    }
    if (!asks || !group->agreed || error->kind != ERROR_TRANSIENT || redis_error_is(error, "canceled"))
        return false;
    lane->greeting.agrees_on_shards = false;
    return lane_open(lane, &group->name, error);
}

static bool look_after(struct group *group, struct group_lane *place, struct error *error)
{
    struct lane *lane = &place->lane;

    if (!lane_tell_ahead(lane, error) || !open_lane(group, lane, error))
        return false;
    if (waits_in_vain(group, lane)) {
        lane_leave(lane);
        return true;
    }
    lane->reading.leaving = !is_ours(group, place);
    if (!lane_ask(lane, error))
        return false;
    if (!lane_awaits_answer(lane))
        return rest(place, error);
    bool came = redis_has_input(lane->redis);
    if (!lane_take(lane, error))
        return false;
    if (came)
        note_answer(group, place);
    return check_silence(group, place, error);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

/* Calling a server that is not there takes long: no more than one is called in vain in each round. */
static bool look_after_all(struct group *group, struct error *error)
{
    size_t open = 0;
    bool in_vain = false;

    group->turn++;
    for (size_t i = 0; i < group->lane_count; i++) {
        struct group_lane *place = &group->lanes[(group->turn + i) % group->lane_count];
        bool was_open = redis_is_connected(place->lane.redis);
        int64_t begun_us = now_us(group);
        struct error why;

        if (!is_wanted(group, place) || (!was_open && (in_vain || begun_us < call_due_us(group, place))))
            continue;
        if (look_after(group, place, &why)) {
            open++;
            continue;
        }
        note_failure(group, place, &why);
        if (why.kind == ERROR_FATAL)
            break;
        if (!was_open)
            note_call_in_vain(group, place, begun_us);
        in_vain |= !was_open;
    }
    if (group->away.kind != ERROR_FATAL && (open > 0 || group->finishing))
        return true;
    *error = group->away;
    return false;
}

/* Each lane whose entries fit in; the others come first another time. */
static bool gather(struct group *group, struct batch *batch)
{
    size_t count = 0;
    size_t bytes = 0;

    for (size_t i = 0; i < group->lane_count; i++) {
        struct group_lane *place = &group->lanes[(group->turn + i) % group->lane_count];
        const struct entry_reader *reader = &place->lane.shelves.reader;

        place->count = 0;
        if (reader->count == 0 || count + reader->count > BATCH_ENTRIES_MAX || bytes >= BATCH_BYTES_MAX)
            continue;
        bytes += reader->bytes;
        struct batch part = lane_hand_out(&place->lane);
        memcpy(group->gathered + count, part.entries, part.count * sizeof *part.entries);
        place->offset = count;
        place->count = part.count;
        place->heard_us = now_us(group);
        count += part.count;
    }
    *batch = (struct batch){.entries = group->gathered, .count = count};
    return count > 0;
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

/* Of lanes that are away, too: they are called again. */
static int wait_ms(const struct group *group, int64_t until_us)
{
    for (size_t i = 0; i < group->lane_count; i++) {
        const struct group_lane *place = &group->lanes[i];

        if (is_wanted(group, place) && !redis_is_connected(place->lane.redis) && call_due_us(group, place) < until_us)
            until_us = call_due_us(group, place);
    }
    return clock_left_ms(group->clock, until_us);
}

/* True: something has come already. */
static bool list_awaited(struct group *group)
{
    for (size_t i = 0; i < group->lane_count; i++) {
        const struct lane *lane = &group->lanes[i].lane;

        group->awaited[i] = (struct pollfd){.fd = lane_descriptor_ahead(lane), .events = POLLIN};
        if (group->awaited[i].fd >= 0 && redis_has_input(lane->redis))
            return true;
    }
    return false;
}

/* False: somebody has woken us. */
static bool await(struct group *group, int64_t until_us)
{
    struct pollfd *waker = &group->awaited[group->lane_count];

    if (list_awaited(group))
        return true;
    *waker = (struct pollfd){.fd = group->wake_descriptor > 0 && !group->finishing ? group->wake_descriptor : -1,
                             .events = POLLIN};
    return poll(group->awaited, group->lane_count + 1, wait_ms(group, until_us)) <= 0 || waker->revents == 0;
}

/* ---- the source -------------------------------------------------------------------------------------------------- */

static bool has_nothing_to_await(const struct group *group)
{
    for (size_t i = 0; i < group->lane_count; i++)
        if (lane_awaits_answer(&group->lanes[i].lane))
            return false;
    return true;
}

bool group_lanes_read(struct group *group, struct batch *batch, struct error *error)
{
    int64_t until_us = clock_deadline_us(group->clock, group->wait_ms);

    assert(group->lane_count > 1);
    for (;;) {
        if (!look_after_all(group, error))
            return false;
        if (gather(group, batch) || clock_left_ms(group->clock, until_us) == 0)
            return true;
        if ((group->finishing && has_nothing_to_await(group)) || !await(group, until_us))
            return true;
    }
}

bool group_lanes_settle(struct group *group, struct error *error)
{
    for (size_t i = 0; i < group->lane_count; i++) {
        struct group_lane *place = &group->lanes[i];
        const struct batch part = {.entries = group->gathered + place->offset, .count = place->count};
        struct error why;

        place->count = 0;
        if (part.count == 0 || lane_acknowledge(&place->lane, &part, &why))
            continue;
        note_failure(group, place, &why);
    }
    if (group->away.kind != ERROR_FATAL)
        return true;
    *error = group->away;
    return false;
}

void group_lanes_leave(struct group *group)
{
    for (size_t i = 0; i < group->lane_count; i++) {
        lane_leave(&group->lanes[i].lane);
        group->lanes[i].count = 0;
    }
}
