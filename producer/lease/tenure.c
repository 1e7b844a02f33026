#include "producer/lease/tenure.h"

#include "proto/clock.h"

#define OVER INT64_C(-1)

bool tenure_begin(struct tenure *tenure, int64_t until_us)
{
    int64_t seen = 0;

    return clock_boot_us() < until_us && atomic_compare_exchange_strong(&tenure->until_us, &seen, until_us);
}

bool tenure_extend(struct tenure *tenure, int64_t until_us)
{
    int64_t seen = atomic_load(&tenure->until_us);

    /* Whoever finds it over meanwhile writes that down, and then this is too late. */
    return tenure_is_held(tenure) && atomic_compare_exchange_strong(&tenure->until_us, &seen, until_us);
}

void tenure_end(struct tenure *tenure)
{
    atomic_store(&tenure->until_us, OVER);
}

/* When it was extended between the two looks, it is held. */
int64_t tenure_left_us(struct tenure *tenure)
{
    int64_t until_us = atomic_load(&tenure->until_us);

    while (until_us > 0) {
        int64_t left_us = until_us - clock_boot_us();

        if (left_us > 0)
            return left_us;
        if (atomic_compare_exchange_strong(&tenure->until_us, &until_us, OVER))
            break;
    }
    return 0;
}

bool tenure_is_held(struct tenure *tenure)
{
    return tenure_left_us(tenure) > 0;
}
