/* sample: the events that the guards work on, the same ones in every run.
 *
 * As many as a batch holds, of four producers in turn, each with 500 tasks open, which live through seven events:
 * PENDING, QUEUED, RUNNING four times, SUCCESS. About 250 bytes each, as they are stored in the ledger and as they lie
 * in the stream. */
#ifndef TASKLEDGER_TESTS_BENCH_GUARD_SAMPLE_H
#define TASKLEDGER_TESTS_BENCH_GUARD_SAMPLE_H

#include "consumer/batch.h"
#include "producer/taskledger/producer.h"
#include "proto/digest.h"
#include "proto/event.h"

enum { SAMPLE_EVENTS = BATCH_ENTRIES_MAX, SAMPLE_PRODUCERS = 4, SAMPLE_TASKS = 2000 };

struct sample {
    struct taskledger_event told[SAMPLE_EVENTS]; /* as a worker says it */
    struct event events[SAMPLE_EVENTS];
    struct entry entries[SAMPLE_EVENTS]; /* of the payloads */
    struct digest digests[SAMPLE_EVENTS];
    unsigned tasks[SAMPLE_EVENTS]; /* below SAMPLE_TASKS; a later life of the same is the same */
};

/* Made on first use; static storage. */
const struct sample *sample(void);

static inline struct batch sample_batch(void)
{
    return (struct batch){.entries = sample()->entries, .count = SAMPLE_EVENTS};
}

#endif
