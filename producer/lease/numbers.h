/* numbers: how scripts are given numbers, and give them back. */
#ifndef TASKLEDGER_PRODUCER_LEASE_NUMBERS_H
#define TASKLEDGER_PRODUCER_LEASE_NUMBERS_H

#include "proto/decimal.h"
#include "proto/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The digits of a number that is not negative. */
static inline struct slice numbers_write(int64_t number, char text[DECIMAL_BYTES_MAX])
{
    return slice_of(text, decimal_write((uint64_t)number, text));
}

/* The first `count` elements of an array; false when there are none, or one is negative. */
static inline bool numbers_read(const struct reply *reply, int64_t *numbers, size_t count)
{
    if (reply->type != REPLY_ARRAY || reply->count < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (reply->elements[i].type != REPLY_INTEGER || reply->elements[i].integer < 0)
            return false;
        numbers[i] = reply->elements[i].integer;
    }
    return true;
}

#endif
