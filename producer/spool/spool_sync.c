/* Getting what was appended onto the disk. It has descriptors of its own, so that nobody waits for it. */
#include "producer/spool/segment.h"
#include "producer/spool/spool_inside.h"

#include <errno.h>
#include <unistd.h>

/* The next one behind `number` that is not synced counts as synced from now on. */
static bool take_unsynced(struct spool *spool, uint64_t *number)
{
    const struct segment *known;

    pthread_mutex_lock(&spool->lock);
    known = inventory_behind(&spool->inventory, *number);
    while (known != NULL && !known->unsynced)
        known = inventory_behind(&spool->inventory, known->number);
    if (known != NULL) {
        struct segment segment = *known;

        *number = segment.number;
        segment.unsynced = false;
        inventory_put(&spool->inventory, &segment);
    }
    pthread_mutex_unlock(&spool->lock);
    return known != NULL;
}

static void mark(struct spool *spool, uint64_t number, bool unsynced, bool ended)
{
    pthread_mutex_lock(&spool->lock);
    const struct segment *known = inventory_get(&spool->inventory, number);
    if (known != NULL) {
        struct segment segment = *known;

        segment.unsynced = segment.unsynced || unsynced;
        segment.ended = segment.ended || ended;
        inventory_put(&spool->inventory, &segment);
    }
    pthread_mutex_unlock(&spool->lock);
}

/* When fsync fails the kernel may have thrown the pages away, and says so once only: asking again would be told that
 * all is well. So nothing more is put there. */
static bool sync_segment(struct spool *spool, uint64_t number, struct error *error)
{
    int file = spool_open_segment(spool, number);

    if (file < 0) {
        bool is_gone = errno == ENOENT;

        spool_fail(spool, "sync", error);
        if (is_gone)
            return !spool_note_gone(spool, number);
        mark(spool, number, true, false);
        return false;
    }

    bool synced = fdatasync(file) == 0;
    if (!synced) {
        spool_fail(spool, "sync", error);
        mark(spool, number, false, true);
    }
    close(file);
    return synced;
}

bool spool_sync(struct spool *spool, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    bool synced = true;

    for (uint64_t number = 0; take_unsynced(spool, &number);)
        synced = sync_segment(spool, number, &why) && synced;

    if (atomic_exchange(&spool->has_new_entries, false) && !folder_sync(&spool->folder, &why)) {
        spool->has_new_entries = true;
        synced = false;
    }
    if (!synced)
        *error = why;
    return synced;
}
