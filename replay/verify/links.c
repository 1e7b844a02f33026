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
    unsigned shift;  /* what of a hash is not a slot */
    uint64_t seed;
    struct spill spill;

    /* Giving out. */
    bool is_giving;
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

/* Each bit of the identity and of the seed has its say in the upper ones, which choose the slot. */
static uint64_t hash_of(const struct links *links, const struct uuid *producer_id)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t words[2];

    memcpy(words, producer_id->bytes, sizeof words);
    uint64_t hash = (links->seed ^ words[0]) * odd;
    hash = ((hash ^ hash >> 32) ^ words[1]) * odd;
    return (hash ^ hash >> 29) * odd;
}

/* Whose latest run it is, or would be. */
static uint32_t *find(const struct links *links, const struct uuid *producer_id)
{
    size_t at = (size_t)(hash_of(links, producer_id) >> links->shift), last = (size_t)SLOTS_EACH * links->room - 1;

    while (links->slots[at] != 0 && uuid_compare(&links->runs[links->slots[at] - 1].run.producer_id, producer_id) != 0)
        at = (at + 1) & last;
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
    links->shift = 64;
    for (size_t slot = 1; slot < (size_t)SLOTS_EACH * room; slot *= 2)
        links->shift--;
    for (uint32_t i = 0; i < links->count; i++)
        list(links, i);
    return true;
}

struct links *links_new(const char *folder, size_t bytes, struct error *error)
{
    const size_t each = 2 * sizeof(struct held_run) + SLOTS_EACH * sizeof(uint32_t) + sizeof(void *); /* to compact */
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
    free(links);
}

/* ---- in order --------------------------------------------------------------------------------------------------- */

static int compare_held(const void *left, const void *right)
{
    const struct held_run *const *a = left, *const *b = right;

    return compare(&(*a)->record, &(*b)->record);
}

/* Is this the next number, and does it carry the digest of the last one? One below 1 follows nothing. */
static bool is_next(const struct links_run *run, uint64_t sequence, struct slice previous_digest)
{
    return run->last >= 1 && run->last < INT64_MAX && run->last + 1 == sequence && run->has_digest && !run->is_end &&
           slice_equal(previous_digest, digest_slice(&run->digest));
}

static bool meet(const struct links_run *run, const struct links_run *other)
{
    return uuid_compare(&run->producer_id, &other->producer_id) == 0 && other->carries == LINKS_DIGEST &&
           is_next(run, other->first, digest_slice(&other->before));
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

/* Copies the runs in order, those that meet as one; how many there are then. */
static uint32_t merge(const struct links *links, const struct held_run **order, struct held_run *into)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < links->count; i++)
        order[i] = &links->runs[i];
    qsort(order, links->count, sizeof(const struct held_run *), compare_held);
    for (uint32_t i = 0; i < links->count; i++)
        if (count > 0 && meet(&into[count - 1].run, &order[i]->run))
            join(&into[count - 1].run, &order[i]->run);
        else
            into[count++] = *order[i];
    return count;
}

static void relist(struct links *links)
{
    memset(links->slots, 0, (size_t)SLOTS_EACH * links->room * sizeof *links->slots);
    for (uint32_t i = 0; i < links->count; i++)
        list(links, i);
}

/* All are in order from now on, until one is added. */
static bool compact(struct links *links, struct error *error)
{
    const struct held_run **order = malloc((links->count + 1) * sizeof(const struct held_run *));
    struct held_run *runs = malloc(links->room * sizeof *runs);

    if (order == NULL || runs == NULL) {
        free(order);
        free(runs);
        return no_memory(error);
    }
    links->count = merge(links, order, runs);
    free(order);
    free(links->runs);
    links->runs = runs;
    relist(links);
    return true;
}

static const struct spill_record *at(const void *self, size_t index)
{
    const struct links *links = self;

    return &links->runs[index].record;
}

/* They are in order. */
static bool write_out(struct links *links, struct error *error)
{
    if (!spill_add(&links->spill, at, links, links->count, error))
        return false;
    links->count = 0;
    relist(links);
    return true;
}

/* ---- adding ----------------------------------------------------------------------------------------------------- */

/* The one that this event follows, of the latest ones of its producer; it is the very latest from now on. */
static struct links_run *followed(struct links *links, uint32_t *latest, const struct link *link)
{
    uint32_t *place = latest;

    for (unsigned i = 0; i < LOOKED_AT && *place != 0; i++, place = &links->runs[*place - 1].older) {
        struct held_run *held = &links->runs[*place - 1];

        if (!is_next(&held->run, link->sequence, link->previous_digest))
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

static bool make_room(struct links *links, struct error *error)
{
    if (links->count < links->room)
        return true;
    if (links->room < links->limit)
        return widen(links, error);
    return compact(links, error) && (links->count <= links->limit / 2 || write_out(links, error));
}

static bool begin(struct links *links, const struct link *link, struct error *error)
{
    if (!make_room(links, error))
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
    if (!compact(links, error))
        return false;
    return links->spill.count == 0 ||
           ((links->count == 0 || write_out(links, error)) && spill_open(&links->spill, error));
}

static const struct links_run *least(const struct links *links)
{
    const struct spill_record *record = NULL;

    if (links->spill.count > 0)
        record = spill_least(&links->spill);
    else if (links->given < links->count)
        record = &links->runs[links->given].record;
    return record == NULL ? NULL : run_of(record);
}

static bool pass(struct links *links, struct error *error)
{
    if (links->spill.count > 0)
        return spill_next(&links->spill, error);
    links->given++;
    return true;
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
