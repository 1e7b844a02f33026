/* fake_ledger: what the sink's statements store, as far as something in it is counted: identities with the digests of
 * their payloads, events of each task, runs of numbers, digests of what was set aside, entries that were lost, suspects
 * whose trial has ended. */
#ifndef TASKLEDGER_TESTS_SUPPORT_FAKE_LEDGER_H
#define TASKLEDGER_TESTS_SUPPORT_FAKE_LEDGER_H

#include "proto/digest.h"
#include "proto/slice.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAKE_LEDGER_ROWS_MAX = 64, FAKE_LEDGER_TEXT_BYTES = 32 };

struct fake_event {
    uint8_t producer_id[UUID_BYTES];
    uint64_t sequence;
    struct digest digest;
};

struct fake_task {
    char task_id[FAKE_LEDGER_TEXT_BYTES];
    uint64_t event_count;
};

struct fake_run {
    uint8_t producer_id[UUID_BYTES];
    uint64_t first;
    uint64_t last;
};

/* Without padding, so that two can be compared as bytes. */
struct fake_ledger {
    struct fake_event events[FAKE_LEDGER_ROWS_MAX];
    struct fake_task tasks[FAKE_LEDGER_ROWS_MAX];
    struct fake_run runs[FAKE_LEDGER_ROWS_MAX]; /* each once, since one that comes again tells nothing new */
    struct digest rejected[FAKE_LEDGER_ROWS_MAX];
    char lost[FAKE_LEDGER_ROWS_MAX][FAKE_LEDGER_TEXT_BYTES]; /* stream IDs */
    char tried[FAKE_LEDGER_ROWS_MAX][FAKE_LEDGER_TEXT_BYTES];
    uint64_t event_count;
    uint64_t task_count;
    uint64_t run_count;
    uint64_t rejected_count;
    uint64_t lost_count;
    uint64_t tried_count;
};

/* NULL when it is not there. */
const struct fake_event *fake_ledger_event(const struct fake_ledger *ledger, struct slice producer_id,
                                           uint64_t sequence);

/* How often this task was counted; 0 when it has no row. */
uint64_t fake_ledger_counted(const struct fake_ledger *ledger, const char *task_id);

/* As the statements do it: a task's events add up, the rest is there once. An event must not be there yet. */
void fake_ledger_add_event(struct fake_ledger *ledger, struct slice producer_id, uint64_t sequence,
                           struct slice payload);
void fake_ledger_add_task(struct fake_ledger *ledger, struct slice task_id, uint64_t event_count);
void fake_ledger_add_run(struct fake_ledger *ledger, struct slice producer_id, uint64_t first, uint64_t last);
void fake_ledger_add_rejected(struct fake_ledger *ledger, struct slice digest);
void fake_ledger_add_lost(struct fake_ledger *ledger, struct slice id);
void fake_ledger_add_tried(struct fake_ledger *ledger, struct slice id);

#endif
