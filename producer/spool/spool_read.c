/* The reader's side of a spool. */
#include "producer/spool/segment.h"
#include "producer/spool/spool_inside.h"
#include "proto/clock.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static bool find(struct spool *spool, uint64_t from, struct segment *segment)
{
    pthread_mutex_lock(&spool->lock);
    const struct segment *found = inventory_find(&spool->inventory, from);
    if (found != NULL)
        *segment = *found;
    pthread_mutex_unlock(&spool->lock);
    return found != NULL;
}

enum spool_entered spool_enter(struct spool *spool, uint64_t number, uint64_t *bytes, struct error *error)
{
    struct stat status;
    int file = spool_open_segment(spool, number);

    if (file < 0 && errno == ENOENT)
        return SPOOL_GONE;
    if (file < 0 && (errno == ELOOP || errno == ENXIO))
        return SPOOL_UNREADABLE;
    if (file < 0 || fstat(file, &status) != 0) {
        int why = errno;

        spool_fail(spool, "read", error);
        if (file >= 0)
            close(file);
        errno = why;
        return SPOOL_NOT_NOW;
    }

    if (!S_ISREG(status.st_mode)) {
        close(file);
        return SPOOL_UNREADABLE;
    }
    *bytes = (uint64_t)status.st_size;
    segment_reader_open(&spool->reading.reader, file, *bytes);
    spool->reading.number = 0;
    return SPOOL_ENTERED;
}

/* The disk does not give the record of this ordinal, for this reason. True when it never will, as far as one's patience
 * goes. What we lack ourselves says nothing about the disk, and a spool that was adopted is handed back instead. */
static bool gives_up(struct spool *spool, uint64_t ordinal, int why)
{
    bool is_ours = why == EMFILE || why == ENFILE || why == ENOMEM || why == EINTR || why == EAGAIN;
    int64_t now_us = clock_system()->monotonic_us(NULL);

    spool->reading.number = 0;
    if (is_ours || spool->is_adopted)
        return false;
    if (spool->reading.unread != ordinal || spool->reading.unread_since_us == 0) {
        spool->reading.unread = ordinal;
        spool->reading.unread_since_us = now_us;
    }
    return now_us - spool->reading.unread_since_us >= spool->patience_us;
}

/* Stand before the first record of the segment. False with `error`; or the segment turned out to be lost. */
static bool begin(struct spool *spool, const struct segment *segment, bool *lost, struct error *error)
{
    struct slice header;
    uint64_t bytes;
    enum spool_entered entered = spool_enter(spool, segment->number, &bytes, error);

    *lost = true;
    if (entered == SPOOL_NOT_NOW && !gives_up(spool, segment->first, errno))
        return false;
    if (entered == SPOOL_GONE) {
        spool_note_gone(spool, segment->number);
        return true;
    }

    spool->reading.reader.end = segment->bytes;
    enum segment_found found = SEGMENT_DAMAGED;
    if (entered == SPOOL_ENTERED)
        found = segment_reader_next(&spool->reading.reader, &header);
    int why = errno;
    if (found == SEGMENT_NOT_NOW && !gives_up(spool, segment->first, why)) {
        errno = why;
        return spool_fail(spool, "read", error);
    }
    *lost = found != SEGMENT_RECORD;
    if (*lost)
        spool_note_damage(spool, segment->number, segment->first - 1);
    spool->reading.number = *lost ? 0 : segment->number;
    spool->reading.ordinal = segment->first;
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

/* `from` becomes what to go on with. What fails now is tried again, from the beginning of the file: only a length or a
 * checksum proves that a record is not there, and one's patience with the disk. */
static bool read_records(struct spool *spool, const struct segment *segment, uint64_t *from, struct parcel *parcel,
                         struct error *error)
{
    enum segment_found found;
    struct slice payload;

    while (spool->reading.ordinal <= segment->last && parcel_has_room(parcel)) {
        found = segment_reader_next(&spool->reading.reader, &payload);
        int why = errno;
        if (found == SEGMENT_NOT_NOW && !gives_up(spool, spool->reading.ordinal, why)) {
            errno = why;
            return spool_fail(spool, "read", error);
        }
        if (found != SEGMENT_RECORD) {
            spool_note_damage(spool, segment->number, spool->reading.ordinal - 1);
            *from = segment->last + 1;
            return true;
        }
        if (spool->reading.ordinal == spool->reading.unread)
            spool->reading.unread_since_us = 0;
        if (spool->reading.ordinal >= *from)
            parcel_add(parcel, spool->reading.ordinal, 0, payload);
        spool->reading.ordinal++;
    }
    if (spool->reading.ordinal > *from)
        *from = spool->reading.ordinal;
    return true;
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

/* Some more records; false at the end, or with `*failed` and `error`. */
static bool read_more(struct spool *spool, uint64_t *from, struct parcel *parcel, bool *failed, struct error *error)
{
    struct segment segment;
    bool found = false, lost = false;

    *failed = !choose(spool, *from, &segment, &found, error) || (found && !stand(spool, &segment, *from, &lost, error));
    if (*failed || !found)
        return false;
    *failed = !lost && !read_records(spool, &segment, from, parcel, error);
    return !*failed && parcel_has_room(parcel);
}

bool spool_read(struct spool *spool, uint64_t from, struct parcel *parcel, struct error *error)
{
    size_t before = parcel->count;
    struct error why;
    bool failed = false;

    while (read_more(spool, &from, parcel, &failed, &why))
        continue;

    /* What was read before it failed is given first. */
    if (!failed || parcel->count > before)
        return true;
    *error = why;
    return false;
}
