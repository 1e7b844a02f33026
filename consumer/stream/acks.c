#include "consumer/stream/acks.h"

#include "proto/stream.h"

enum { WORDS_BEFORE_IDS = 3, SCRATCH_BYTES = 64 * 1024 };

size_t acks_run(const struct entry *entries, size_t count)
{
    size_t run = 1;

    while (run < count && run < ACKS_IDS_MAX && entries[run].shard == entries->shard)
        run++;
    return run;
}

static bool append_one(struct acks *acks, struct redis *redis, const struct entry *entries, size_t count,
                       struct error *error)
{
    struct slice words[WORDS_BEFORE_IDS + ACKS_IDS_MAX];
    char ids[ACKS_IDS_MAX][STREAM_ID_BYTES_MAX];

    words[0] = slice_from_text("XACK");
    words[1] = slice_from_text(acks->keys[entries->shard]);
    words[2] = slice_from_text(acks->group);
    for (size_t i = 0; i < count; i++) {
        stream_id_format(entries[i].id, ids[i]);
        words[WORDS_BEFORE_IDS + i] = slice_from_text(ids[i]);
    }
    return redis_append(redis, words, WORDS_BEFORE_IDS + count, error);
}

bool acks_append(struct acks *acks, struct redis *redis, const struct batch *batch, bool reading, struct error *error)
{
    for (size_t at = 0, run; at < batch->count; at += run) {
        run = acks_run(batch->entries + at, batch->count - at);
        if (!append_one(acks, redis, batch->entries + at, run, error))
            return false;

        acks->ids_owed += run;
        if (reading)
            acks->behind++;
        else
            acks->ahead++;
    }
    return true;
}

bool acks_receive_one(struct acks *acks, struct redis *redis, struct arena *arena, struct error *error)
{
    struct reply reply;

    arena_reset(arena, SCRATCH_BYTES);
    if (!redis_receive(redis, arena, 0, &reply, error))
        return false;
    size_t counted = reply.type == REPLY_INTEGER && reply.integer > 0 ? (size_t)reply.integer : 0;
    acks->counters->acked += counted;
    acks->ids_owed -= counted < acks->ids_owed ? counted : acks->ids_owed;
    acks->ahead--;

    if (acks->ahead == 0 && acks->behind == 0) {
        acks->counters->unknown += acks->ids_owed;
        acks->ids_owed = 0;
    }
    return true;
}

bool acks_receive(struct acks *acks, struct redis *redis, struct arena *arena, struct error *error)
{
    while (acks->ahead > 0) {
        if (!acks_receive_one(acks, redis, arena, error))
            return false;
    }
    return true;
}

void acks_read_ended(struct acks *acks)
{
    acks->ahead += acks->behind;
    acks->behind = 0;
}

void acks_forget(struct acks *acks)
{
    acks->ahead = 0;
    acks->behind = 0;
    acks->ids_owed = 0;
}
