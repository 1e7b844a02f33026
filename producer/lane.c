#include "producer/lane.h"

#include <assert.h>
#include <string.h>

/* The parts of the frontier. */
enum { EVENTS_SHIFT = 18, SHUT_SHIFT = 31, GENERATION_SHIFT = 32 };

static const uint64_t EVENT = UINT64_C(1) << EVENTS_SHIFT;
static const uint64_t SHUT = UINT64_C(1) << SHUT_SHIFT;
static const uint64_t GENERATION = UINT64_C(1) << GENERATION_SHIFT;

static size_t units_of(uint64_t frontier)
{
    return frontier & LANE_UNITS_MAX;
}

static size_t events_of(uint64_t frontier)
{
    return frontier >> EVENTS_SHIFT & LANE_EVENTS_MAX;
}

static struct lane_taken taken_by(uint64_t frontier)
{
    if ((frontier & SHUT) != 0)
        return (struct lane_taken){.events = 0};
    return (struct lane_taken){.events = events_of(frontier), .bytes = units_of(frontier) * LANE_UNIT};
}

void lane_init(struct lane *lane)
{
    atomic_init(&lane->frontier, SHUT);
}

/* ---- with the lock ----------------------------------------------------------------------------------------------- */

static void share(struct lane_shared *shared, const struct lane_grant *grant)
{
    uint64_t halves[2];

    memcpy(halves, grant->producer_id.bytes, sizeof halves);
    atomic_store_explicit(&shared->offset, grant->offset, memory_order_release);
    atomic_store_explicit(&shared->units, grant->bytes / LANE_UNIT, memory_order_release);
    atomic_store_explicit(&shared->events, grant->events, memory_order_release);
    atomic_store_explicit(&shared->ordinal, grant->ordinal, memory_order_release);
    atomic_store_explicit(&shared->sequence, grant->sequence, memory_order_release);
    atomic_store_explicit(&shared->producer_id[0], halves[0], memory_order_release);
    atomic_store_explicit(&shared->producer_id[1], halves[1], memory_order_release);
    atomic_store_explicit(&shared->until_us, grant->until_us, memory_order_release);
}

void lane_open(struct lane *lane, const struct lane_grant *grant)
{
    uint64_t shut = atomic_load_explicit(&lane->frontier, memory_order_relaxed);

    assert((shut & SHUT) != 0 && grant->bytes % LANE_UNIT == 0);
    assert(grant->bytes / LANE_UNIT <= LANE_UNITS_MAX && grant->events <= LANE_EVENTS_MAX);
    share(&lane->shared, grant);
    atomic_store_explicit(&lane->frontier, (shut / GENERATION + 1) * GENERATION, memory_order_release);
}

bool lane_is_shut(const struct lane *lane)
{
    return (atomic_load_explicit(&lane->frontier, memory_order_relaxed) & SHUT) != 0;
}

struct lane_taken lane_shut(struct lane *lane)
{
    return taken_by(atomic_fetch_or_explicit(&lane->frontier, SHUT, memory_order_acq_rel));
}

struct lane_taken lane_taken(const struct lane *lane)
{
    return taken_by(atomic_load_explicit(&lane->frontier, memory_order_acquire));
}

/* ---- without ----------------------------------------------------------------------------------------------------- */

/* The next place of the lane that has this frontier; false: there is none. */
static bool find(const struct lane_shared *shared, uint64_t frontier, size_t units, struct lane_place *place)
{
    size_t events = events_of(frontier);
    uint64_t halves[2];

    if ((frontier & SHUT) != 0 || events >= atomic_load_explicit(&shared->events, memory_order_acquire) ||
        units_of(frontier) + units > atomic_load_explicit(&shared->units, memory_order_acquire))
        return false;
    place->offset = atomic_load_explicit(&shared->offset, memory_order_acquire) + units_of(frontier) * LANE_UNIT;
    place->ordinal = atomic_load_explicit(&shared->ordinal, memory_order_acquire) + events;
    place->sequence = atomic_load_explicit(&shared->sequence, memory_order_acquire) + events;
    halves[0] = atomic_load_explicit(&shared->producer_id[0], memory_order_acquire);
    halves[1] = atomic_load_explicit(&shared->producer_id[1], memory_order_acquire);
    memcpy(place->producer_id.bytes, halves, sizeof halves);
    return true;
}

bool lane_take(struct lane *lane, size_t bytes, int64_t now_us, struct lane_place *place)
{
    uint64_t seen = atomic_load_explicit(&lane->frontier, memory_order_acquire);
    size_t units = bytes / LANE_UNIT;

    do {
        if (now_us >= atomic_load_explicit(&lane->shared.until_us, memory_order_acquire) ||
            !find(&lane->shared, seen, units, place))
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&lane->frontier, &seen, seen + EVENT + units, memory_order_acquire,
                                                    memory_order_acquire));
    return true;
}
