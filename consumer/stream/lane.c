#include "consumer/stream/lane.h"

#include "proto/redis_error.h"

#include <string.h>

enum { SMALL_ANSWER_BYTES = 64 * 1024 };

/* ---- making ------------------------------------------------------------------------------------------------------ */

bool lane_init(struct lane *lane, const struct group_options *options, const struct redis_options *line,
               struct error *error)
{
    const char *const *keys = lane->keys + lane->first;

    lane->wait_ms = GROUP_WAIT_MS_MAX;
    lane->bytes_max = BATCH_BYTES_MAX;
    arena_init(&lane->small, 0);
    reading_init(&lane->reading, lane->shards,
                 options->batch_entries == 0 ? BATCH_ENTRIES_MAX : options->batch_entries);
    lane->acks = (struct acks){.group = lane->group, .keys = lane->keys, .counters = lane->acks_counters};
    lane->greeting = (struct greeting){
        .group = lane->group,
        .keys = keys,
        .shards = lane->shards,
        .shards_in_force = options->shards,
        .agrees_on_shards = strcmp(options->stream, STREAM_DEFAULT) == 0,
    };
    if (!shelves_init(&lane->shelves, keys, lane->shards))
        return error_set(error, ERROR_FATAL, "memory", "cannot allocate the source");
    lane->shelves.reader.first_shard = lane->first;

    lane->redis = redis_new(line, error);
    if (lane->redis == NULL || !question_init(&lane->question, lane->group, keys, lane->shards, error))
        return false;
    lane->question.first = lane->first;
    return true;
}

void lane_close(struct lane *lane)
{
    if (lane->redis != NULL)
        lane_leave(lane);
    redis_free(lane->redis);
    question_close(&lane->question);
    shelves_close(&lane->shelves);
    arena_close(&lane->small);
}

void lane_forget(struct lane *lane)
{
    redis_disconnect(lane->redis);
    reading_restart(&lane->reading);
    acks_forget(&lane->acks);
    shelves_clear(&lane->shelves);
    lane->noted = 0;
    lane->ask = READING_NOTHING;
    lane->ahead.kind = ERROR_NONE;
}

void lane_leave(struct lane *lane)
{
    struct error ignored;

    if (redis_is_connected(lane->redis))
        (void)redis_send(lane->redis, &ignored);
    lane_forget(lane);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* What was there at an earlier greeting and has to be made again was lost. */
static bool greet(struct lane *lane, struct error *error)
{
    uint64_t made = 0;
    bool good = greeting_say(&lane->greeting, lane->redis, &lane->small, &made, error);

    lane->counters->groups_made += made;
    lane->counters->groups_lost += lane->greeted && made > 0;
    memcpy(lane->lost_at + lane->first, question_lost(&lane->question, lane->greeted ? made : 0),
           lane->shards * sizeof *lane->lost_at);
    lane->counters->lost_at = lane->lost_at;
    lane->greeted |= good;
    return good;
}

static bool connect_and_greet(struct lane *lane, struct error *error)
{
    if (!redis_connect(lane->redis, error))
        return false;
    lane->counters->connects++;
    lane->counters->reconnects += lane->connected;
    lane->connected = true;
    lane->dirty = true;

    arena_reset(&lane->small, SMALL_ANSWER_BYTES);
    return greet(lane, error);
}

bool lane_open(struct lane *lane, const struct group_name *name, struct error *error)
{
    if (name->tenure == lane->name.tenure && redis_is_connected(lane->redis))
        return true;

    lane_forget(lane);
    lane->name = *name;
    if (connect_and_greet(lane, error))
        return true;
    redis_disconnect(lane->redis);
    return false;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static bool ask_next(struct lane *lane, bool unsettled, struct error *error)
{
    enum reading_ask ask = reading_next(&lane->reading, unsettled);

    if (ask == READING_NOTHING)
        return true;
    if (ask == READING_NEW_WAITING && lane->wait_ms == 0)
        ask = READING_NEW; /* to Redis, BLOCK 0 means for ever */
    const struct question_terms terms = {ask, lane->name.consumer, reading_share(&lane->reading), lane->wait_ms};
    if (!question_append(&lane->question, lane->redis, &terms, error))
        return false;
    lane->ask = ask;
    lane->asks++;
    lane->unsent = true;
    lane->ask_bytes = 0;
    lane->shelves.reader.delivered = 0;
    lane->shelves.reader.overflow = false;
    return true;
}

/* An answer that was asked for in good time is there. Redis would look at our XACKs before it gives out the rest of it:
 * they go behind it, along with the next question. Not when there will be none. */
static bool send(struct lane *lane, struct error *error)
{
    bool can_wait = lane->ask != READING_NOTHING && !lane->unsent && !lane->reading.finishing;

    if (can_wait)
        return true;
    lane->unsent = false;
    return redis_send(lane->redis, error);
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

static void note_entries(struct lane *lane)
{
    const struct entry_reader *reader = &lane->shelves.reader;

    lane->counters->delivered += reader->count - lane->noted;
    for (; lane->noted < reader->count; lane->noted++) {
        struct entry *entry = &reader->entries[lane->noted];

        entry->deliveries = lane->ask == READING_NEW || lane->ask == READING_NEW_WAITING;
        lane->ask_bytes += entry->payload_bytes;
        question_passed(&lane->question, entry);
    }
}

static void answer_ended(struct lane *lane)
{
    reading_answered(&lane->reading, lane->ask, lane->shelves.reader.delivered, lane->ask_bytes);
    acks_read_ended(&lane->acks);
    lane->ask = READING_NOTHING;
}

/* The present answer goes on, and so may the batch; what does not fit stays on the line. */
static bool has_more(const struct lane *lane)
{
    return lane->ask != READING_NOTHING && lane->shelves.reader.bytes < lane->bytes_max;
}

static bool receive_part(struct lane *lane, size_t part_bytes, struct error *error)
{
    struct entry_reader *reader = &lane->shelves.reader;
    struct redis_visitor visitor = entry_visitor(reader);
    int extra_wait_ms = lane->ask == READING_NEW_WAITING ? lane->wait_ms : 0;
    bool complete;

    if (!redis_receive_part(lane->redis, &visitor, part_bytes, extra_wait_ms, &complete, error))
        return false;
    if (reader->overflow)
        return error_set(error, ERROR_TRANSIENT, "protocol", "could not take more entries than were asked for");

    note_entries(lane);
    if (complete)
        answer_ended(lane);
    return true;
}

bool lane_receive_acks(struct lane *lane, struct error *error)
{
    return send(lane, error) && acks_receive(&lane->acks, lane->redis, &lane->small, error);
}

static bool receive_entries(struct lane *lane, struct error *error)
{
    while (has_more(lane)) {
        if (!receive_part(lane, REDIS_PART_BYTES, error))
            return false;
    }
    return true;
}

/* A wait that somebody ended was in vain, and with it ends the line. What may have come at that moment is pending. */
static bool receive(struct lane *lane, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};

    if (lane_receive_acks(lane, &why) && receive_entries(lane, &why))
        return true;

    bool woken = redis_error_is(&why, "canceled");
    if (woken)
        lane_forget(lane);
    else
        *error = why;
    return woken;
}

/* An empty answer leads to the next question: own pending entries, new ones, new ones with a wait. */
bool lane_receive(struct lane *lane, struct error *error)
{
    bool waited = false;

    if (lane->shelves.reader.count > 0)
        return !has_more(lane) || receive(lane, error);

    while (lane->shelves.reader.count == 0 && !waited) {
        if (lane->ask == READING_NOTHING && !ask_next(lane, false, error))
            return false;
        if (lane->ask == READING_NOTHING)
            return lane_receive_acks(lane, error);

        waited = lane->ask == READING_NEW_WAITING || (lane->ask == READING_NEW && lane->wait_ms == 0);
        if (!receive(lane, error))
            return false;
    }
    return true;
}

struct batch lane_hand_out(struct lane *lane)
{
    lane->noted = 0;
    lane->unsent = true;
    return shelves_hand_out(&lane->shelves);
}

/* ---- settling ---------------------------------------------------------------------------------------------------- */

bool lane_tell_ahead(const struct lane *lane, struct error *error)
{
    if (lane->ahead.kind == ERROR_NONE)
        return true;
    *error = lane->ahead;
    return false;
}

bool lane_acknowledge(struct lane *lane, const struct batch *batch, struct error *error)
{
    if (lane->ahead.kind != ERROR_NONE && !redis_is_connected(lane->redis))
        return true;
    return acks_append(&lane->acks, lane->redis, batch, lane->ask != READING_NOTHING, error);
}

bool lane_awaits_answer(const struct lane *lane)
{
    return lane->ask != READING_NOTHING || lane->shelves.reader.count > 0;
}

bool lane_is_amid(const struct lane *lane)
{
    bool waits = lane->ask == READING_NEW_WAITING && lane->shelves.reader.delivered == 0;

    return (lane->ask != READING_NOTHING && !waits) || lane->shelves.reader.count > 0;
}

/* ---- reading ahead ----------------------------------------------------------------------------------------------- */

static bool can_read_ahead(const struct lane *lane)
{
    return lane->ahead.kind == ERROR_NONE && redis_is_connected(lane->redis) &&
           (has_more(lane) || (lane->ask == READING_NOTHING && lane->shelves.reader.count == 0));
}

static bool ask_ahead(struct lane *lane, struct error *error)
{
    return (lane->ask != READING_NOTHING || ask_next(lane, true, error)) && send(lane, error);
}

static bool receive_one(struct lane *lane, struct error *error)
{
    return lane->acks.ahead > 0 ? acks_receive_one(&lane->acks, lane->redis, &lane->small, error)
                                : receive_part(lane, 1, error);
}

/* Whoever waits for something else must not wait here. */
static bool read_part_ahead(struct lane *lane, struct error *error)
{
    bool good = true;

    if (!has_more(lane) || !redis_has_input(lane->redis))
        return true;
    do {
        good = receive_one(lane, error);
    } while (good && has_more(lane) && redis_has_buffered(lane->redis));
    return good;
}

bool lane_read_ahead(struct lane *lane)
{
    struct error why = {.kind = ERROR_NONE};

    if (can_read_ahead(lane) && (!ask_ahead(lane, &why) || !read_part_ahead(lane, &why)))
        lane->ahead = why;
    return can_read_ahead(lane) && has_more(lane) && redis_has_input(lane->redis);
}

int lane_descriptor_ahead(const struct lane *lane)
{
    return can_read_ahead(lane) && has_more(lane) ? redis_descriptor(lane->redis) : -1;
}

/* ---- one of several ---------------------------------------------------------------------------------------------- */

bool lane_ask(struct lane *lane, struct error *error)
{
    return lane_awaits_answer(lane) || ask_next(lane, false, error);
}

bool lane_take(struct lane *lane, struct error *error)
{
    return send(lane, error) && read_part_ahead(lane, error);
}
