/* counts: what was answered how, for metrics. For any thread. */
#ifndef TASKLEDGER_REPLAY_WEB_COUNTS_H
#define TASKLEDGER_REPLAY_WEB_COUNTS_H

#include "consumer/histogram.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum { COUNTS_STATUSES = 14 };

/* Statuses that are counted by themselves; the last one, 0, is all others. */
extern const unsigned counts_statuses[COUNTS_STATUSES];

struct counts_view {
    uint64_t answers[COUNTS_STATUSES];
    struct histogram answered_us; /* by histogram_delay_us */
    uint64_t sign_ins_refused;
};

struct counts {
    pthread_mutex_t lock;
    struct counts_view view;
};

/* Zeroed before. */
void counts_init(struct counts *counts);
void counts_close(struct counts *counts);

void counts_answer(struct counts *counts, unsigned status, int64_t after_us);
void counts_sign_in_refused(struct counts *counts);

void counts_view(struct counts *counts, struct counts_view *view);

#endif
