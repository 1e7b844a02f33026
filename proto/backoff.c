#include "proto/backoff.h"

#include <assert.h>

/* SplitMix64 (Steele, Lea, Flood 2014): one multiply chain, any seed will do. */
uint64_t backoff_random(uint64_t *state)
{
    uint64_t mixed = (*state += UINT64_C(0x9e3779b97f4a7c15));

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

static int64_t ceiling_us(const struct backoff *backoff)
{
    int64_t ceiling = backoff->base_us;

    for (unsigned i = 0; i < backoff->failures && ceiling < backoff->cap_us; i++)
        ceiling *= 2;
    return ceiling < backoff->cap_us ? ceiling : backoff->cap_us;
}

void backoff_init(struct backoff *backoff, int64_t base_ms, int64_t cap_ms, uint64_t seed)
{
    assert(base_ms > 0 && cap_ms >= base_ms);
    *backoff = (struct backoff){.base_us = base_ms * 1000, .cap_us = cap_ms * 1000, .random = seed};
}

int64_t backoff_next_us(struct backoff *backoff)
{
    int64_t ceiling = ceiling_us(backoff);

    backoff->failures++;
    return 1 + (int64_t)(backoff_random(&backoff->random) % (uint64_t)ceiling);
}

int64_t backoff_after_us(struct backoff *backoff, enum error_kind kind)
{
    int64_t wait_us = backoff_next_us(backoff);

    return kind == ERROR_FATAL && wait_us < backoff->cap_us / 2 ? backoff->cap_us / 2 : wait_us;
}

void backoff_reset(struct backoff *backoff)
{
    backoff->failures = 0;
}
