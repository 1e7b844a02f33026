#include "tests/support/fakes.h"

#include <string.h>

/* True when this call is to fail. */
static bool strikes(struct fake_pipeline *fake)
{
    fake->calls++;
    if (fake->fault.times <= 0 || --fake->fault.countdown > 0)
        return false;
    fake->fault.times--;
    fake->fault.countdown = 0;
    return true;
}

static bool lost(struct error *error)
{
    return error_set(error, ERROR_TRANSIENT, "fault", "could not reach the server");
}

/* Run the effect unless a fault strikes before it; fail when one strikes at all. */
#define FALLIBLE(fake, error, effect)                   \
    do {                                                \
        bool strikes_now = strikes(fake);               \
        if (!strikes_now || (fake)->fault.after_effect) \
            effect;                                     \
        if (strikes_now)                                \
            return lost(error);                         \
    } while (0)

static unsigned number_of(const struct entry *entry)
{
    return (unsigned)entry->id.sequence;
}

/* ---- the stream -------------------------------------------------------------------------------------------------- */

static void deliver(struct fake_pipeline *fake, struct batch *batch)
{
    unsigned first = 0;

    while (first < fake->entry_count && fake->delivered[first])
        first++;
    batch->entries = fake->entries + first;
    while (first + batch->count < fake->entry_count && batch->count < fake->batch_max &&
           !fake->delivered[first + batch->count] && !fake->finishing)
        fake->delivered[first + batch->count++] = true;
}

static bool read_stream(void *self, struct batch *batch, struct error *error)
{
    struct fake_pipeline *fake = self;
    struct batch next = {.count = 0};

    FALLIBLE(fake, error, deliver(fake, &next));
    *batch = next;
    return true;
}

static void mark_settled(struct fake_pipeline *fake, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        fake->settled[number_of(&batch->entries[i])] = true;
}

static bool settle_stream(void *self, const struct batch *batch, struct error *error)
{
    struct fake_pipeline *fake = self;

    FALLIBLE(fake, error, mark_settled(fake, batch));
    return true;
}

static void rewind_stream(void *self)
{
    struct fake_pipeline *fake = self;

    memcpy(fake->delivered, fake->settled, sizeof fake->delivered);
}

static void finish_stream(void *self)
{
    struct fake_pipeline *fake = self;

    fake->finishing = true;
}

static bool stream_ended(void *self)
{
    struct fake_pipeline *fake = self;

    for (unsigned i = 0; i < fake->entry_count; i++)
        if (!fake->settled[i] && !fake->finishing)
            return false;
    return true;
}

/* ---- the ledger -------------------------------------------------------------------------------------------------- */

static bool refuses(const struct fake_pipeline *fake, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (fake->poison[number_of(&batch->entries[i])])
            return true;
    return fake->server_is_sick;
}

static void store(struct fake_pipeline *fake, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        fake->stored[number_of(&batch->entries[i])]++;
}

static bool apply_to_ledger(void *self, const struct batch *batch, struct error *error)
{
    struct fake_pipeline *fake = self;

    if (refuses(fake, batch))
        return error_set(error, ERROR_REJECTED, "refused", "cannot store this");
    if (fake->too_many > 0 && batch->count >= fake->too_many)
        return error_set(error, ERROR_TRANSIENT, "canceled", "could not finish in time");
    FALLIBLE(fake, error, store(fake, batch));
    return true;
}

static bool condemn_in_ledger(void *self, const struct entry *entry, const struct error *why, struct error *error)
{
    struct fake_pipeline *fake = self;

    (void)why;
    if (fake->server_is_sick)
        return error_set(error, ERROR_TRANSIENT, "server", "could not store a good event either");
    FALLIBLE(fake, error, fake->set_aside[number_of(entry)]++);
    return true;
}

/* ---- the clock --------------------------------------------------------------------------------------------------- */

static int64_t no_time(void *self)
{
    (void)self;
    return 0;
}

static void count_sleep(void *self, int64_t microseconds)
{
    struct fake_pipeline *fake = self;

    fake->slept_us += microseconds;
    fake->sleeps++;
}

void fake_pipeline_init(struct fake_pipeline *fake, unsigned entry_count, unsigned batch_max)
{
    *fake = (struct fake_pipeline){.entry_count = entry_count, .batch_max = batch_max};
    for (unsigned i = 0; i < entry_count; i++)
        fake->entries[i] = (struct entry){.id = {.ms = 1, .sequence = i}};
}

struct source fake_pipeline_source(struct fake_pipeline *fake)
{
    return (struct source){
        .read = read_stream,
        .settle = settle_stream,
        .rewind = rewind_stream,
        .finish = finish_stream,
        .ended = stream_ended,
        .self = fake,
    };
}

struct sink fake_pipeline_sink(struct fake_pipeline *fake)
{
    return (struct sink){.apply = apply_to_ledger, .condemn = condemn_in_ledger, .self = fake};
}

struct clock fake_pipeline_clock(struct fake_pipeline *fake)
{
    return (struct clock){.monotonic_us = no_time, .unix_us = no_time, .sleep_us = count_sleep, .self = fake};
}
