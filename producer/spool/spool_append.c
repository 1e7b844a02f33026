/* The appender's side of a spool. */
#include "producer/spool/segment.h"
#include "producer/spool/spool_inside.h"
#include "proto/descriptors.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* ---- room ------------------------------------------------------------------------------------------------------- */

static bool has_room(const struct spool *spool, uint64_t bytes)
{
    return spool->inventory.bytes + SEGMENT_HEADER_BYTES_MAX + bytes <= spool->bytes_max &&
           !inventory_is_full(&spool->inventory);
}

/* Take the oldest out if Redis has it all. */
static bool take_sent(struct spool *spool, struct segment *segment)
{
    struct inventory *inventory = &spool->inventory;

    if (inventory->count == 0 || inventory->segments[0].last > spool->sent_to)
        return false;
    *segment = inventory->segments[0];
    inventory_take(inventory, segment->number);
    return true;
}

static void count_unprotected(struct spool *spool, const struct segment *segment)
{
    pthread_mutex_lock(&spool->lock);
    uint64_t before = segment->first > spool->released_to ? segment->first - 1 : spool->released_to;
    spool->unprotected += segment->last > before ? segment->last - before : 0;
    pthread_mutex_unlock(&spool->lock);
}

static bool make_room(struct spool *spool, uint64_t bytes, struct error *error)
{
    for (;;) {
        struct segment segment;

        pthread_mutex_lock(&spool->lock);
        bool roomy = has_room(spool, bytes);
        bool taken = !roomy && take_sent(spool, &segment);
        pthread_mutex_unlock(&spool->lock);

        if (roomy)
            return true;
        if (!taken)
            return error_set(error, ERROR_TRANSIENT, "spool_full", "the spool %s/%s is full", spool->folder.directory,
                             spool->folder.name);
        if (!spool_remove(spool, &segment, error))
            return false;
        count_unprotected(spool, &segment);
    }
}

/* ---- the segment that is being written -------------------------------------------------------------------------- */

static void end_segment(struct spool *spool)
{
    folder_close_descriptor(&spool->writing.file);
}

/* Whether it goes on with this ordinal. */
static bool goes_on(struct spool *spool, uint64_t ordinal, struct segment *segment)
{
    bool is_same = false;

    pthread_mutex_lock(&spool->lock);
    const struct segment *newest = inventory_newest(&spool->inventory);
    assert(newest == NULL || newest->last < ordinal);
    if (newest != NULL) {
        is_same = spool->writing.file >= 0 && newest->number == spool->writing.number && !newest->ended &&
                  newest->last + 1 == ordinal && newest->bytes < spool->segment_bytes;
        *segment = *newest;
    }
    pthread_mutex_unlock(&spool->lock);
    return is_same;
}

static int create(const struct spool *spool, const char *name)
{
    return descriptors_lift(
        openat(spool->folder.place, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
}

/* What is there under that name and not in the inventory was refused and could not be taken back. */
static bool create_somehow(struct spool *spool, const char *name, struct error *error)
{
    int file = create(spool, name);

    if (file < 0 && errno == EEXIST) {
        unlinkat(spool->folder.place, name, 0);
        file = create(spool, name);
    }
    if (file < 0 && errno == ENOENT) {
        if (!folder_make_again(&spool->folder, error))
            return false;
        file = create(spool, name);
    }
    spool->writing.file = file;
    return file >= 0 || spool_fail(spool, "begin a segment of", error);
}

static void discard(struct spool *spool)
{
    char name[SEGMENT_NAME_BYTES];

    segment_name(spool->writing.number, name);
    unlinkat(spool->folder.place, name, 0);
    end_segment(spool);
}

static bool begin_segment(struct spool *spool, uint64_t ordinal, struct segment *segment, struct error *error)
{
    char text[SEGMENT_HEADER_BYTES_MAX], name[SEGMENT_NAME_BYTES];
    struct spool_record header = {.payload = slice_of(text, segment_header(&spool->home, spool->keeps, text))};

    end_segment(spool);
    segment_name(ordinal, name);
    if (!create_somehow(spool, name, error))
        return false;

    spool->writing.number = ordinal;
    spool->has_new_entries = true;
    if (!segment_write(spool->writing.file, 0, &header, 1)) {
        spool_fail(spool, "begin a segment of", error);
        discard(spool);
        return false;
    }
    *segment = (struct segment){.number = ordinal, .first = ordinal, .last = ordinal - 1};
    segment->bytes = segment_bytes(&header, 1);
    return true;
}

/* ---- appending -------------------------------------------------------------------------------------------------- */

/* Garbage must not be followed by records: where it cannot be cut off, nothing follows. */
static void take_back(struct spool *spool, const struct segment *segment)
{
    if (segment_events(segment) == 0)
        discard(spool);
    else if (ftruncate(spool->writing.file, (off_t)segment->bytes) != 0)
        end_segment(spool);
}

/* Let the reader see it. False: the segment was ended meanwhile, or removed, and nobody would read it there. */
static bool publish(struct spool *spool, const struct segment *segment, bool is_new)
{
    pthread_mutex_lock(&spool->lock);
    const struct segment *known = inventory_get(&spool->inventory, segment->number);
    bool is_wanted = is_new || (known != NULL && !known->ended);
    if (is_wanted)
        inventory_put(&spool->inventory, segment);
    pthread_mutex_unlock(&spool->lock);
    return is_wanted;
}

/* At most twice: nobody ends a segment that is new. */
static bool append(struct spool *spool, const struct spool_record *records, size_t count, struct error *error)
{
    struct segment segment;
    bool is_new;

    do {
        is_new = !goes_on(spool, records[0].ordinal, &segment);
        if (is_new && !begin_segment(spool, records[0].ordinal, &segment, error))
            return false;
        if (!segment_write(spool->writing.file, segment.bytes, records, count)) {
            spool_fail(spool, "write to", error);
            take_back(spool, &segment);
            return false;
        }
        segment.last = records[count - 1].ordinal;
        segment.bytes += segment_bytes(records, count);
        segment.unsynced = true;
    } while (!publish(spool, &segment, is_new));
    return true;
}

static void check(const struct spool *spool, const struct spool_record *records, size_t count)
{
    assert(!spool->is_adopted);
    for (size_t i = 0; i < count; i++) {
        assert(records[i].ordinal > 0 && records[i].ordinal == records[0].ordinal + i);
        assert(records[i].payload.size > 0 && records[i].payload.size <= EVENT_BYTES_MAX);
    }
}

bool spool_append(struct spool *spool, const struct spool_record *records, size_t count, struct error *error)
{
    check(spool, records, count);
    if (count == 0)
        return true;

    return make_room(spool, segment_bytes(records, count), error) && append(spool, records, count, error);
}
