#include "producer/emit/run/retry.h"

#include "proto/backoff.h"

int64_t retry_wait_us(int64_t delay_ms, int64_t failures, uint64_t *random)
{
    int64_t most_ms = delay_ms > RETRY_DELAY_MS_MAX ? delay_ms : RETRY_DELAY_MS_MAX;
    int64_t whole_ms = delay_ms;

    for (int64_t i = 1; i < failures && whole_ms < most_ms; i++)
        whole_ms *= 2;
    if (whole_ms > most_ms)
        whole_ms = most_ms;

    int64_t half_us = whole_ms * 1000 / 2;
    return half_us + (int64_t)(backoff_random(random) % (uint64_t)(half_us + 1));
}
