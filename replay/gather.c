#include "replay/gather.h"

#include "proto/arena.h"
#include "replay/fold.h"
#include "replay/spill.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 1024, ROOM_MORE = 64 };

struct gather {
    struct arena arena;    /* of what is packed */
    struct packed **slots; /* open addressing; the number of them is a power of two */
    size_t slot_count;
    size_t count;
    uint64_t seed;
    struct packed *scratch; /* owned */
    size_t scratch_room;
    struct spill spill;

    /* Giving out. */
    bool is_giving;
    size_t given;         /* of the slots, which are then sorted */
    struct fold fold;     /* of what several runs have of a task */
    struct gathered next; /* what was given */
};

static int compare_records(const struct spill_record *a, const struct spill_record *b)
{
    return slice_compare(packed_task_id(packed_of(a)), packed_task_id(packed_of(b)));
}

struct gather *gather_new(const char *folder, size_t bytes, struct error *error)
{
    struct gather *gather = calloc(1, sizeof *gather);
    struct packed **slots = calloc(SLOTS_MIN, sizeof(struct packed *));

    if (gather == NULL || slots == NULL) {
        free(gather);
        free(slots);
        error_set(error, ERROR_FATAL, "memory", "cannot get memory for tasks");
        return NULL;
    }
    arena_init(&gather->arena, bytes);
    gather->slots = slots;
    gather->slot_count = SLOTS_MIN;
    gather->seed = (uintptr_t)gather; /* where memory is nobody knows who chooses names */
    gather->spill = (struct spill){.folder = folder, .compare = compare_records};
    return gather;
}

void gather_free(struct gather *gather)
{
    if (gather == NULL)
        return;
    arena_close(&gather->arena);
    fold_close(&gather->fold);
    spill_close(&gather->spill);
    free(gather->slots);
    free(gather->scratch);
    free(gather);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_FATAL, "memory", "cannot get memory to fold tasks");
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct gather *gather, struct slice task_id)
{
    uint64_t hash = gather->seed ^ task_id.size;

    for (size_t i = 0; i < task_id.size; i += sizeof(uint64_t)) {
        size_t size = task_id.size - i < sizeof(uint64_t) ? task_id.size - i : sizeof(uint64_t);
        uint64_t word = 0;

        memcpy(&word, task_id.data + i, size);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash;
}

/* Where it is, or would be. */
static struct packed **find(const struct gather *gather, struct slice task_id, uint64_t hash)
{
    size_t at = (size_t)hash & (gather->slot_count - 1);

    while (gather->slots[at] != NULL &&
           (gather->slots[at]->hash != hash || !slice_equal(packed_task_id(gather->slots[at]), task_id)))
        at = (at + 1) & (gather->slot_count - 1);
    return &gather->slots[at];
}

/* At most half full. */
static bool widen(struct gather *gather, struct error *error)
{
    size_t count = gather->slot_count;
    struct packed **old = gather->slots, **slots;

    if (2 * (gather->count + 1) <= count)
        return true;
    slots = calloc(2 * count, sizeof(struct packed *));
    if (slots == NULL)
        return no_memory(error);
    gather->slots = slots;
    gather->slot_count = 2 * count;
    for (size_t i = 0; i < count; i++)
        if (old[i] != NULL)
            *find(gather, packed_task_id(old[i]), old[i]->hash) = old[i];
    free(old);
    return true;
}

static int compare(const void *left, const void *right)
{
    const struct packed *const *a = left, *const *b = right;

    return slice_compare(packed_task_id(*a), packed_task_id(*b));
}

/* No table any more, but the first `count` slots in order. */
static void sort(struct gather *gather)
{
    size_t kept = 0;

    for (size_t i = 0; i < gather->slot_count; i++)
        if (gather->slots[i] != NULL)
            gather->slots[kept++] = gather->slots[i];
    qsort(gather->slots, gather->count, sizeof(struct packed *), compare);
}

static const struct spill_record *at(const void *self, size_t index)
{
    const struct gather *gather = self;

    return &gather->slots[index]->record;
}

static bool write_out(struct gather *gather, struct error *error)
{
    sort(gather);
    if (!spill_add(&gather->spill, at, gather, gather->count, error))
        return false;
    memset(gather->slots, 0, gather->slot_count * sizeof(struct packed *));
    gather->count = 0;
    arena_reset(&gather->arena, gather->arena.limit_bytes);
    return true;
}

/* ---- adding ----------------------------------------------------------------------------------------------------- */

/* A new one, or one that has outgrown its place. False without an error: there is no room. */
static bool place(struct gather *gather, struct packed **slot, const struct gathered *what, uint64_t hash)
{
    size_t room = packed_bytes(what) + ROOM_MORE;
    struct packed *packed = arena_take(&gather->arena, room);

    if (packed == NULL)
        return false;
    packed_write(packed, room, what);
    packed->hash = hash;
    gather->count += *slot == NULL;
    *slot = packed;
    return true;
}

/* By way of the scratch, since most texts are in the place that is written to. */
static bool replace(struct gather *gather, struct packed *packed, const struct gathered *what, struct error *error)
{
    size_t bytes = packed_bytes(what), room = packed->room;
    uint64_t hash = packed->hash;

    if (bytes > gather->scratch_room) {
        struct packed *scratch = realloc(gather->scratch, 2 * bytes);

        if (scratch == NULL)
            return no_memory(error);
        gather->scratch = scratch;
        gather->scratch_room = 2 * bytes;
    }
    packed_write(gather->scratch, room, what);
    gather->scratch->hash = hash;
    memcpy(packed, gather->scratch, bytes);
    return true;
}

static void merge(struct gathered *into, const struct gathered *other)
{
    if (into->folded > 0 && other->folded > 0)
        projection_merge(&into->projection, &other->projection);
    else if (other->folded > 0)
        into->projection = other->projection;
    into->folded += other->folded;
    into->unreadable += other->unreadable;
}

static bool add(struct gather *gather, const struct gathered *what, struct error *error)
{
    uint64_t hash = hash_of(gather, what->projection.task_id);
    struct gathered merged;

    assert(what->projection.task_id.size <= EVENT_TASK_ID_BYTES_MAX);
    if (!widen(gather, error))
        return false;
    struct packed **slot = find(gather, what->projection.task_id, hash);
    if (*slot == NULL) {
        merged = *what;
    } else {
        packed_read(*slot, &merged);
        merge(&merged, what);
        if (packed_bytes(&merged) <= (*slot)->room)
            return replace(gather, *slot, &merged, error);
    }
    if (place(gather, slot, &merged, hash))
        return true;

    /* Out with all of them, and what this one had with them. */
    if (gather->count > 0 && !write_out(gather, error))
        return false;
    return place(gather, find(gather, what->projection.task_id, hash), what, hash) || no_memory(error);
}

bool gather_add(struct gather *gather, const struct projection *projection, struct error *error)
{
    const struct gathered what = {.projection = *projection, .folded = 1};

    return add(gather, &what, error);
}

bool gather_add_unreadable(struct gather *gather, struct slice task_id, struct error *error)
{
    const struct gathered what = {.projection = {.task_id = task_id}, .unreadable = 1};

    return add(gather, &what, error);
}

/* ---- giving out ------------------------------------------------------------------------------------------------- */

static bool start_giving(struct gather *gather, struct error *error)
{
    gather->is_giving = true;
    if (gather->spill.count == 0) {
        sort(gather);
        return true;
    }
    if (gather->count > 0 && !write_out(gather, error))
        return false;
    arena_close(&gather->arena);
    return spill_open(&gather->spill, error);
}

/* The next one in memory. */
static void next_held(struct gather *gather, bool *is_there)
{
    *is_there = gather->given < gather->count;
    if (*is_there)
        packed_read(gather->slots[gather->given++], &gather->next);
}

static bool add_part(struct gather *gather, const struct packed *packed, struct error *error)
{
    struct gathered part;

    packed_read(packed, &part);
    gather->next.folded += part.folded;
    gather->next.unreadable += part.unreadable;
    return part.folded == 0 || fold_add(&gather->fold, &part.projection, error);
}

/* NULL: there is none. */
static const struct packed *least_spilt(const struct gather *gather)
{
    const struct spill_record *record = spill_least(&gather->spill);

    return record == NULL ? NULL : packed_of(record);
}

/* What all runs have of the least task. */
static bool next_spilt(struct gather *gather, bool *is_there, struct error *error)
{
    const struct packed *least = least_spilt(gather);
    uint8_t name[EVENT_TASK_ID_BYTES_MAX];

    *is_there = least != NULL;
    if (least == NULL)
        return true;
    const struct slice task_id = slice_of(name, packed_task_id(least).size);
    memcpy(name, packed_task_id(least).data, task_id.size);
    fold_reset(&gather->fold);
    gather->next = (struct gathered){.folded = 0};
    while (least != NULL && slice_equal(packed_task_id(least), task_id)) {
        if (!add_part(gather, least, error) || !spill_next(&gather->spill, error))
            return false;
        least = least_spilt(gather);
    }
    gather->next.projection = gather->fold.projection;
    return true;
}

bool gather_next(struct gather *gather, const struct gathered **next, struct error *error)
{
    bool is_there = true;

    *next = NULL;
    if (!gather->is_giving && !start_giving(gather, error))
        return false;
    gather->next.folded = 0;
    while (is_there && gather->next.folded == 0) {
        if (gather->spill.count == 0)
            next_held(gather, &is_there);
        else if (!next_spilt(gather, &is_there, error))
            return false;
    }
    if (is_there)
        *next = &gather->next;
    return true;
}
