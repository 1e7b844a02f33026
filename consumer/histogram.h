/* histogram: how many of the values seen were no greater than each of a few bounds.
 *
 * Values are whole numbers in the scale's own unit, so that counting is one comparison per bound and exact. */
#ifndef TASKLEDGER_CONSUMER_HISTOGRAM_H
#define TASKLEDGER_CONSUMER_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { HISTOGRAM_BOUNDS_MAX = 20 };

struct histogram_scale {
    uint64_t bounds[HISTOGRAM_BOUNDS_MAX]; /* rising */
    size_t count;
    uint64_t divisor; /* values per unit that people read: 1,000,000 shows microseconds as seconds */
};

/* 1 ms to an hour, in microseconds, read as seconds. */
extern const struct histogram_scale histogram_delay_us;
/* 1 to BATCH_ENTRIES_MAX. */
extern const struct histogram_scale histogram_batch_entries;

/* Zeroed is empty. */
struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1]; /* [i]: above bounds[i - 1], not above bounds[i]; the last: above all */
    uint64_t sum;
};

void histogram_add(struct histogram *histogram, const struct histogram_scale *scale, uint64_t value);

/* As Prometheus reads it (proto/exposition.h), in the unit that people read. */
void histogram_print(const struct histogram *histogram, const struct histogram_scale *scale, const char *name,
                     FILE *out);

#endif
