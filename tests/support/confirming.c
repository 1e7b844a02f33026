#include "tests/support/confirming.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct confirming confirming;

static int64_t told(void *self)
{
    (void)self;
    return confirming.time_us;
}

const struct clock confirming_clock = {.monotonic_us = told, .unix_us = told};

int confirming_begin(void **state)
{
    (void)state;
    confirming.time_us = INT64_C(5000000000);
    confirm_init(&confirming.confirm, &confirming_clock, 42, CONFIRM_PATIENCE_MS);
    return 0;
}

void confirming_pass_ms(int64_t ms)
{
    confirming.time_us += ms * 1000;
}

struct uuid confirming_producer(uint8_t number)
{
    return (struct uuid){.bytes = {number}};
}

void confirming_send(uint8_t number, uint64_t first, uint64_t last)
{
    struct confirm_mark mark = {
        .first_ordinal = first,
        .last_ordinal = last,
        .producer_id = confirming_producer(number),
        .first_sequence = first,
        .last_sequence = last,
        .placed = true,
        .id = {.ms = first},
    };

    confirm_sent(&confirming.confirm, &mark);
}

uint64_t confirming_archive(uint8_t number, uint64_t sequence)
{
    struct uuid producer_id = confirming_producer(number);

    return confirm_archived(&confirming.confirm, &producer_id, sequence);
}

enum confirm_due confirming_due(bool in_hurry)
{
    int64_t due_us;

    return confirm_due(&confirming.confirm, in_hurry, &due_us);
}

int64_t confirming_wait_ms(enum confirm_due *what)
{
    int64_t begin_us = confirming.time_us;
    int64_t due_us;

    while ((*what = confirm_due(&confirming.confirm, false, &due_us)) == CONFIRM_NOTHING) {
        assert_true(due_us > confirming.time_us && due_us < INT64_MAX);
        confirming.time_us = due_us;
    }
    return (confirming.time_us - begin_us) / 1000;
}

int64_t confirming_wait_for_other_ms(uint8_t number, uint64_t sequence, enum confirm_due *what, unsigned *questions)
{
    int64_t waited_ms = 0;

    for (*questions = 0;; ++*questions) {
        waited_ms += confirming_wait_ms(what);
        if (*what != CONFIRM_ASK)
            return waited_ms;
        confirming_archive(number, sequence);
    }
}

enum confirm_due confirming_next_other(uint8_t number, uint64_t sequence)
{
    enum confirm_due what;
    unsigned questions;

    confirming_wait_for_other_ms(number, sequence, &what, &questions);
    return what;
}
