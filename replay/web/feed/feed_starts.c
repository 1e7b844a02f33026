#include "replay/web/feed/feed_starts.h"

#include "proto/crc32c.h"

#include <string.h>

static uint64_t hash_of(const struct task_status *said)
{
    uint64_t attempt = said->attempt == 0 ? 1 : said->attempt;
    uint64_t hash = (uint64_t)crc32c(said->task_id) << 32 ^ (uint64_t)said->task_id.size << 24 ^ attempt;

    hash *= UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 32;
    return hash == 0 ? 1 : hash;
}

/* Where it is among those of its set; FEED_STARTS_WAYS: nowhere. */
static size_t find(const uint64_t *set, uint64_t attempt)
{
    size_t way = 0;

    while (way < FEED_STARTS_WAYS && set[way] != attempt)
        way++;
    return way;
}

static void forget(uint64_t *set, size_t way)
{
    if (way == FEED_STARTS_WAYS)
        return;
    memmove(&set[way], &set[way + 1], (FEED_STARTS_WAYS - 1 - way) * sizeof *set);
    set[FEED_STARTS_WAYS - 1] = 0;
}

/* To the front; who has been silent for longest gives way. */
static void remember(uint64_t *set, size_t way, uint64_t attempt)
{
    size_t moved = way == FEED_STARTS_WAYS ? FEED_STARTS_WAYS - 1 : way;

    memmove(&set[1], &set[0], moved * sizeof *set);
    set[0] = attempt;
}

bool feed_starts_note(struct feed_starts *starts, const struct task_status *said)
{
    uint64_t attempt = hash_of(said);
    uint64_t *set = starts->attempts[attempt % FEED_STARTS_SETS];
    size_t way = find(set, attempt);

    if (status_phase(said->status) != PHASE_ACTIVE) {
        forget(set, way);
        return false;
    }
    remember(set, way, attempt);
    return way == FEED_STARTS_WAYS && said->status == STATUS_RUNNING && !(said->has_progress && said->progress > 0);
}
