/* Spools of producers that are gone. What is in a segment is learnt when it is its turn: a large spool must not keep
 * those waiting who have something to send themselves. */
#include "producer/spool/directory.h"
#include "producer/spool/names.h"
#include "producer/spool/segment.h"
#include "producer/spool/spool_inside.h"

#include <errno.h>
#include <unistd.h>

/* ---- looking into a segment ------------------------------------------------------------------------------------- */

/* False when the disk does not give it now. */
static bool read_kind(struct spool *spool, enum segment_kind *kind, struct error *error)
{
    struct slice header;
    enum segment_found found = segment_reader_next(&spool->reading.reader, &header);

    if (found == SEGMENT_NOT_NOW)
        return spool_fail(spool, "read", error);
    *kind = found == SEGMENT_RECORD ? segment_kind(header, &spool->home) : SEGMENT_NO_HEADER;
    return true;
}

/* Count the sound records; why there are no more. */
static enum segment_found count_records(struct spool *spool, uint64_t *count)
{
    struct slice payload;
    enum segment_found found;

    *count = 0;
    while ((found = segment_reader_next(&spool->reading.reader, &payload)) == SEGMENT_RECORD)
        (*count)++;
    return found;
}

/* The reader stands before its header. */
static bool examine(struct spool *spool, struct segment *segment, struct error *error)
{
    enum segment_kind kind = SEGMENT_NO_HEADER;
    enum segment_found found = SEGMENT_DAMAGED;
    uint64_t count = 0;

    if (!read_kind(spool, &kind, error))
        return false;
    if (kind == SEGMENT_OURS || kind == SEGMENT_OURS_KEPT)
        found = count_records(spool, &count);
    else if (kind == SEGMENT_NO_HEADER && segment->bytes < SEGMENT_HEAD_BYTES + SEGMENT_HEADER_BYTES_MAX)
        found = SEGMENT_TORN;
    if (found == SEGMENT_NOT_NOW)
        return spool_fail(spool, "read", error);

    segment->last += count;
    segment->bytes = spool->reading.reader.next;
    segment->damaged = found == SEGMENT_DAMAGED || (found == SEGMENT_TORN && segment->number != spool->reading.newest);
    return true;
}

static void note_examined(struct spool *spool, const struct segment *segment)
{
    struct error unused;

    spool->reading.known_number = segment->number;
    spool->reading.known_to = segment->last;
    pthread_mutex_lock(&spool->lock);
    inventory_put(&spool->inventory, segment);
    if (segment_events(segment) == 0)
        inventory_take(&spool->inventory, segment->number);
    spool->damaged += segment->damaged;
    spool->lost_end |= segment->damaged && segment->number == spool->reading.newest;
    pthread_mutex_unlock(&spool->lock);

    if (segment_events(segment) == 0)
        spool_remove(spool, segment, &unused);
}

static bool next_unknown(struct spool *spool, struct segment *segment)
{
    pthread_mutex_lock(&spool->lock);
    const struct segment *next = inventory_behind(&spool->inventory, spool->reading.known_number);
    if (next != NULL)
        *segment = *next;
    pthread_mutex_unlock(&spool->lock);
    return next != NULL;
}

bool spool_learn(struct spool *spool, bool *learnt, struct error *error)
{
    struct segment segment;

    *learnt = spool->is_adopted && next_unknown(spool, &segment);
    if (!*learnt)
        return true;

    enum spool_entered entered = spool_enter(spool, segment.number, &segment.bytes, error);
    if (entered == SPOOL_NOT_NOW)
        return false;
    if (entered == SPOOL_GONE) {
        spool_note_gone(spool, segment.number);
        return true;
    }

    segment.first = spool->reading.known_to + 1;
    segment.last = spool->reading.known_to;
    segment.damaged = true;
    if (entered == SPOOL_ENTERED && !examine(spool, &segment, error))
        return false;
    segment_reader_end(&spool->reading.reader);
    note_examined(spool, &segment);
    return true;
}

/* ---- taking over ------------------------------------------------------------------------------------------------ */

struct others {
    unsigned of_other_homes;
    unsigned of_other_versions;
};

static bool note_segment(struct spool *spool, uint64_t number, struct others *others, struct error *error)
{
    struct segment segment = {.number = number};
    enum spool_entered entered = spool_enter(spool, number, &segment.bytes, error);
    enum segment_kind kind = SEGMENT_NO_HEADER;

    if (entered == SPOOL_NOT_NOW || (entered == SPOOL_ENTERED && !read_kind(spool, &kind, error)))
        return false;
    if (entered == SPOOL_GONE)
        return true;

    switch (kind) {
    case SEGMENT_OTHER_TARGET:
    case SEGMENT_OTHER_STREAM:
        others->of_other_homes++;
        return true;
    case SEGMENT_OTHER_VERSION:
        others->of_other_versions++;
        return true;
    case SEGMENT_OURS_KEPT:
        spool->keeps = true;
        break;
    case SEGMENT_OURS:
    case SEGMENT_NO_HEADER:
        break;
    }
    inventory_put(&spool->inventory, &segment);
    return true;
}

/* It is not here either if it was set aside by an earlier adopter, or is among those that the next one finds. */
static bool note_end(struct spool *spool, struct error *error)
{
    struct names names = {.count = 0};

    if (!names_next(spool->folder.place, segment_is_damaged_name, &names, error))
        return false;
    spool->lost_end = spool->reading.newest == 0;
    for (size_t i = 0; i < names.count; i++)
        spool->lost_end |= segment_number(names.texts[i]) >= spool->reading.newest;
    return true;
}

/* As many as the inventory holds; the next adopter finds the others. */
static bool note_segments(struct spool *spool, struct others *others, struct error *error)
{
    const struct inventory *inventory = &spool->inventory;
    struct names names = {.count = 0};

    do {
        if (!names_next(spool->folder.place, segment_is_name, &names, error))
            return false;
        for (size_t i = 0; i < names.count && !inventory_is_full(inventory); i++)
            if (!note_segment(spool, segment_number(names.texts[i]), others, error))
                return false;
    } while (names.count == NAMES_MAX && !inventory_is_full(inventory));

    if (inventory->count > 0 && !inventory_is_full(inventory))
        spool->reading.newest = inventory_newest(inventory)->number;
    return note_end(spool, error);
}

static bool examine_folder(struct spool *spool, struct error *error)
{
    struct others others = {.of_other_homes = 0};

    if (!note_segments(spool, &others, error))
        return false;
    if (spool->inventory.count == 0 && others.of_other_versions > 0)
        return error_set(error, ERROR_REJECTED, "version", "the spool %s/%s was written by another version",
                         spool->folder.directory, spool->folder.name);
    return true;
}

bool spool_adopt(const struct spool_options *options, const char *name, struct spool **adopted, struct error *error)
{
    struct spool *spool = spool_new(options, error);
    bool taken;

    if (spool == NULL)
        return false;
    spool->is_adopted = true;
    spool->keeps = false;
    if (!folder_take(&spool->folder, options->directory, name, &taken, error)) {
        spool_free(spool);
        return false;
    }
    if (!taken) {
        spool_free(spool);
        *adopted = NULL;
        return true;
    }

    bool examined = examine_folder(spool, error);
    if (!examined || spool->inventory.count == 0) {
        spool_close(spool);
        spool = NULL;
    }
    if (examined)
        *adopted = spool;
    return examined;
}

/* ---- listing ---------------------------------------------------------------------------------------------------- */

bool spool_list(const char *directory, bool (*visit)(void *self, const char *name), void *self, struct error *error)
{
    struct names names = {.count = 0};
    int folder = directory_open(directory);
    bool listed = true, patient = true;

    if (folder < 0)
        return errno == ENOENT || error_set_errno(error, ERROR_TRANSIENT, "disk", "could not list %s", directory);

    folder_clear(folder);
    do {
        listed = names_next(folder, folder_is_name, &names, error);
        for (size_t i = 0; listed && patient && i < names.count; i++)
            patient = visit(self, names.texts[i]);
    } while (listed && patient && names.count == NAMES_MAX);
    close(folder);
    return listed;
}
