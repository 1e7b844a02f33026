#include "replay/verify/links.h"

#include "replay/spill.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROOM_MIN = 1024,
    SLOTS_EACH = 2, /* of a run: the table is at most half full */
    LOOKED_AT = 8,  /* of a producer's runs, the latest: what comes later is joined in the end */
};

struct held_run {
    struct spill_record record;
    struct links_run run;
    uint32_t older; /* of the same producer, and its index + 1; 0: none */
};

struct links {
    struct held_run *runs;
    uint32_t count;
    uint32_t room;   /* a power of two */
    uint32_t limit;  /* of the room */
    uint32_t *slots; /* open addressing, by producer: index + 1 of its latest run; 0: nobody's */
    uint64_t seed;
    struct spill spill;

    /* Giving out. */
    bool is_giving;
    const struct held_run **order; /* of what is in memory; owned */
    uint32_t given;
    struct links_run next; /* what was given */
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_FATAL, "memory", "cannot get memory to follow producers");
}

static const struct links_run *run_of(const struct spill_record *record)
{
    return &((const struct held_run *)(const void *)record)->run;
}

static int compare(const struct spill_record *a, const struct spill_record *b)
{
    const struct links_run *left = run_of(a), *right = run_of(b);
    int order = uuid_compare(&left->producer_id, &right->producer_id);

    return order != 0 ? order : (left->first > right->first) - (left->first < right->first);
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

/* Whose latest run it is, or would be. */
static uint32_t *find(const struct links *links, const struct uuid *producer_id)
{
    uint64_t words[2], mask = (uint64_t)SLOTS_EACH * links->room - 1;

    memcpy(words, producer_id->bytes, sizeof words);
    uint64_t hash = ((links->seed ^ words[0]) * UINT64_C(0x9e3779b97f4a7c15) ^ words[1]) * UINT64_C(0xc2b2ae3d27d4eb4f);
    size_t at = (size_t)((hash ^ hash >> 32) & mask);
    while (links->slots[at] != 0 && uuid_compare(&links->runs[links->slots[at] - 1].run.producer_id, producer_id) != 0)
        at = (at + 1) & (size_t)mask;
    return &links->slots[at];
}

static void list(struct links *links, uint32_t index)
{
    uint32_t *slot = find(links, &links->runs[index].run.producer_id);

    links->runs[index].older = *slot;
    *slot = index + 1;
}

static bool widen(struct links *links, struct error *error)
{
    uint32_t room = links->room == 0 ? ROOM_MIN : 2 * links->room;
    struct held_run *runs = realloc(links->runs, room * sizeof *runs);

    if (runs == NULL)
        return no_memory(error);
    links->runs = runs;
    uint32_t *slots = calloc((size_t)SLOTS_EACH * room, sizeof *slots);
    if (slots == NULL)
        return no_memory(error);
    free(links->slots);
    links->slots = slots;
    links->room = room;
    for (uint32_t i = 0; i < links->count; i++)
        list(links, i);
    return true;
}

struct links *links_new(const char *folder, size_t bytes, struct error *error)
{
    const size_t each = sizeof(struct held_run) + SLOTS_EACH * sizeof(uint32_t) + sizeof(struct held_run *);
    struct links *links = calloc(1, sizeof *links);

    if (links == NULL) {
        no_memory(error);
        return NULL;
    }
    links->limit = ROOM_MIN;
    while (links->limit <= UINT32_MAX / 4 && 2 * links->limit * each <= bytes)
        links->limit *= 2;
    links->seed = (uintptr_t)links; /* where memory is nobody knows who chooses identities */
    links->spill = (struct spill){.folder = folder, .compare = compare};
    if (widen(links, error))
        return links;
    links_free(links);
    return NULL;
}

void links_free(struct links *links)
{
    if (links == NULL)
        return;
    spill_close(&links->spill);
    free(links->runs);
    free(links->slots);
    free(links->order);
    free(links);
}

/* ---- in order --------------------------------------------------------------------------------------------------- */

static int compare_held(const void *left, const void *right)
{
    const struct held_run *const *a = left, *const *b = right;

    return compare(&(*a)->record, &(*b)->record);
}

static bool sort(struct links *links, struct error *error)
{
    free(links->order);
    links->order = malloc((links->count + 1) * sizeof(const struct held_run *));
    if (links->order == NULL)
        return no_memory(error);
    for (uint32_t i = 0; i < links->count; i++)
        links->order[i] = &links->runs[i];
    qsort(links->order, links->count, sizeof(const struct held_run *), compare_held);
    return true;
}

static const struct spill_record *at(const void *self, size_t index)
{
    const struct links *links = self;

    return &links->order[index]->record;
}

static bool write_out(struct links *links, struct error *error)
{
    if (!sort(links, error) || !spill_add(&links->spill, at, links, links->count, error))
        return false;
    memset(links->slots, 0, (size_t)SLOTS_EACH * links->room * sizeof *links->slots);
    links->count = 0;
    return true;
}

/* ---- adding ----------------------------------------------------------------------------------------------------- */

static bool is_linked(const struct links_run *run, struct slice previous_digest)
{
    return run->has_digest && !run->is_end && slice_equal(previous_digest, digest_slice(&run->digest));
}

/* The one that this event follows, of the latest ones of its producer; it is the very latest from now on. */
static struct links_run *followed(struct links *links, uint32_t *latest, const struct link *link)
{
    uint32_t *place = latest;

    for (unsigned i = 0; i < LOOKED_AT && *place != 0; i++, place = &links->runs[*place - 1].older) {
        struct held_run *held = &links->runs[*place - 1];

        if (held->run.last + 1 != link->sequence || !is_linked(&held->run, link->previous_digest))
            continue;
        uint32_t found = *place;
        *place = held->older;
        held->older = *latest;
        *latest = found;
        return &held->run;
    }
    return NULL;
}

/* It is the last one now. */
static void end_with(struct links_run *run, const struct link *link)
{
    run->last = link->sequence;
    run->is_end = link->is_end;
    run->has_digest = link->digest != NULL;
    if (link->digest != NULL)
        run->digest = *link->digest;
    if (link->recorded_at_us > run->recorded_at_us)
        run->recorded_at_us = link->recorded_at_us;
}

static bool begin(struct links *links, const struct link *link, struct error *error)
{
    if (links->count == links->limit && !write_out(links, error))
        return false;
    if (links->count == links->room && !widen(links, error))
        return false;

    struct held_run *held = &links->runs[links->count];
    memset(held, 0, sizeof *held); /* it may be written as it is */
    held->record.bytes = sizeof *held;
    held->run.producer_id = link->producer_id;
    held->run.first = link->sequence;
    held->run.recorded_at_us = link->recorded_at_us;
    held->run.carries = LINKS_UNKNOWN;
    if (link->is_event)
        held->run.carries = link->previous_digest.size == 0 ? LINKS_NOTHING : LINKS_DIGEST;
    if (held->run.carries == LINKS_DIGEST)
        memcpy(held->run.before.bytes, link->previous_digest.data, DIGEST_BYTES);
    end_with(&held->run, link);
    list(links, links->count++);
    return true;
}

bool links_add(struct links *links, const struct link *link, struct error *error)
{
    assert(!link->is_event || link->previous_digest.size == 0 || link->previous_digest.size == DIGEST_BYTES);
    struct links_run *run = link->is_event ? followed(links, find(links, &link->producer_id), link) : NULL;

    if (run == NULL)
        return begin(links, link, error);
    end_with(run, link);
    return true;
}

/* ---- giving out ------------------------------------------------------------------------------------------------- */

static bool start_giving(struct links *links, struct error *error)
{
    links->is_giving = true;
    if (links->spill.count == 0)
        return sort(links, error);
    return (links->count == 0 || write_out(links, error)) && spill_open(&links->spill, error);
}

static const struct links_run *least(const struct links *links)
{
    const struct spill_record *record = NULL;

    if (links->spill.count > 0)
        record = spill_least(&links->spill);
    else if (links->given < links->count)
        record = &links->order[links->given]->record;
    return record == NULL ? NULL : run_of(record);
}

static bool pass(struct links *links, struct error *error)
{
    if (links->spill.count > 0)
        return spill_next(&links->spill, error);
    links->given++;
    return true;
}

static bool meet(const struct links_run *run, const struct links_run *other)
{
    return uuid_compare(&run->producer_id, &other->producer_id) == 0 && run->last + 1 == other->first &&
           other->carries == LINKS_DIGEST && is_linked(run, digest_slice(&other->before));
}

static void join(struct links_run *run, const struct links_run *other)
{
    run->last = other->last;
    run->digest = other->digest;
    run->has_digest = other->has_digest;
    run->is_end = other->is_end;
    if (other->recorded_at_us > run->recorded_at_us)
        run->recorded_at_us = other->recorded_at_us;
}

bool links_next(struct links *links, const struct links_run **next, struct error *error)
{
    *next = NULL;
    if (!links->is_giving && !start_giving(links, error))
        return false;
    const struct links_run *run = least(links);
    if (run == NULL)
        return true;
    links->next = *run;
    if (!pass(links, error))
        return false;
    while ((run = least(links)) != NULL && meet(&links->next, run)) {
        join(&links->next, run);
        if (!pass(links, error))
            return false;
    }
    *next = &links->next;
    return true;
}
