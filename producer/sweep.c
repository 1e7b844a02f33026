#include "producer/sweep.h"

#include "producer/outbox_adopt.h"
#include "producer/producer_inside.h"
#include "proto/clock.h"
#include "proto/thread.h"

uint64_t sweep_begin(struct taskledger_producer *producer)
{
    struct outbox *outbox = producer_outbox(producer);

    return outbox == NULL ? 0 : outbox_adopt_want(outbox);
}

bool sweep_wait(struct taskledger_producer *producer, uint64_t sweep, int32_t timeout_ms)
{
    struct outbox *outbox = producer_outbox(producer);

    return outbox != NULL && outbox_adopt_wait(outbox, sweep, clock_deadline_us(clock_system(), timeout_ms));
}

/* Those that nobody holds, and the one that we hold ourselves. */
bool sweep_left(struct taskledger_producer *producer, struct adoption_left *left, struct error *error)
{
    struct outbox *outbox = producer_outbox(producer);
    const struct settings *settings = producer_settings(producer);
    const struct spool_options options = {
        .directory = settings->spool_dir, .stream = settings->stream, .target = settings->spool_target};
    uint64_t held = outbox == NULL ? 0 : outbox_adopt_left(outbox);

    bool counted = adoption_count(&options, left, error);
    left->events += held;
    return counted;
}

uint64_t taskledger_sweep(struct taskledger_producer *producer, int32_t timeout_ms)
{
    struct error error;
    struct adoption_left left;

    if (producer == NULL)
        return 0;
    int shield = thread_shield();
    uint64_t sweep = sweep_begin(producer);
    if (sweep > 0)
        sweep_wait(producer, sweep, timeout_ms);

    /* What cannot be read is there all the same. */
    bool counted = sweep_left(producer, &left, &error);
    thread_unshield(shield);
    return counted || left.events > 0 ? left.events : 1;
}
