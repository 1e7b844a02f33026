/* The reader's side of a spool. */
#include "producer/spool/segment.h"
#include "producer/spool/spool_inside.h"

#include <errno.h>

static bool find(struct spool *spool, uint64_t from, struct segment *segment)
{
    pthread_mutex_lock(&spool->lock);
    const struct segment *found = inventory_find(&spool->inventory, from);
    if (found != NULL)
        *segment = *found;
    pthread_mutex_unlock(&spool->lock);
    return found != NULL;
}

/* Stand before the first record of the segment. False with `error`; or the segment turned out to be lost. */
static bool begin(struct spool *spool, const struct segment *segment, bool *lost, struct error *error)
{
    struct slice header;
    int file = spool_open_segment(spool, segment->number);

    *lost = true;
    if (file < 0) {
        if (errno == ENOENT)
            spool_note_gone(spool, segment->number);
        else if (errno == EIO || errno == ELOOP)
            spool_note_damage(spool, segment->number, segment->first - 1);
        else
            return spool_fail(spool, "read", error);
        return true;
    }

    segment_reader_open(&spool->reading.reader, file, segment->bytes);
    spool->reading.number = segment->number;
    spool->reading.ordinal = segment->first;
    *lost = segment_reader_next(&spool->reading.reader, &header) != SEGMENT_RECORD;
    if (*lost)
        spool_note_damage(spool, segment->number, segment->first - 1);
    return true;
}

/* Stand at or before `from`. */
static bool stand(struct spool *spool, const struct segment *segment, uint64_t from, bool *lost, struct error *error)
{
    if (spool->reading.number != segment->number || spool->reading.ordinal > from)
        return begin(spool, segment, lost, error);

    spool->reading.reader.end = segment->bytes;
    *lost = false;
    return true;
}

/* Returns what to go on with. */
static uint64_t read_records(struct spool *spool, const struct segment *segment, uint64_t from, struct parcel *parcel)
{
    struct slice payload;

    while (spool->reading.ordinal <= segment->last && parcel_has_room(parcel)) {
        if (segment_reader_next(&spool->reading.reader, &payload) != SEGMENT_RECORD) {
            spool_note_damage(spool, segment->number, spool->reading.ordinal - 1);
            return segment->last + 1;
        }
        if (spool->reading.ordinal >= from)
            parcel_add(parcel, spool->reading.ordinal, 0, payload);
        spool->reading.ordinal++;
    }
    return spool->reading.ordinal > from ? spool->reading.ordinal : from;
}

/* The segment in which `from`, or what comes next, is known to be. */
static bool choose(struct spool *spool, uint64_t from, struct segment *segment, bool *found, struct error *error)
{
    bool learnt = true;

    while (!(*found = find(spool, from, segment)) && learnt)
        if (!spool_learn(spool, &learnt, error))
            return false;
    return true;
}

bool spool_read(struct spool *spool, uint64_t from, struct parcel *parcel, struct error *error)
{
    while (parcel_has_room(parcel)) {
        struct segment segment;
        bool found, lost;

        if (!choose(spool, from, &segment, &found, error))
            return false;
        if (!found)
            return true;
        if (!stand(spool, &segment, from, &lost, error))
            return false;
        if (!lost)
            from = read_records(spool, &segment, from, parcel);
    }
    return true;
}
