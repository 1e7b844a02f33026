#include "consumer/histogram.h"

#include <inttypes.h>

const struct histogram_scale histogram_delay_us = {
    .bounds = {1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000,
               30000000, 60000000, 300000000, 3600000000},
    .count = 17,
    .divisor = 1000000,
};

const struct histogram_scale histogram_batch_entries = {
    .bounds = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000},
    .count = 12,
    .divisor = 1,
};

void histogram_add(struct histogram *histogram, const struct histogram_scale *scale, uint64_t value)
{
    size_t place = 0;

    while (place < scale->count && value > scale->bounds[place])
        place++;
    histogram->counts[place]++;
    histogram->sum += value;
}

void histogram_print(const struct histogram *histogram, const struct histogram_scale *scale, const char *name,
                     FILE *out)
{
    double divisor = (double)scale->divisor;
    uint64_t count = 0;

    for (size_t i = 0; i < scale->count; i++) {
        count += histogram->counts[i];
        fprintf(out, "%s_bucket{le=\"%.9g\"} %" PRIu64 "\n", name, (double)scale->bounds[i] / divisor, count);
    }
    count += histogram->counts[scale->count];
    fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
    fprintf(out, "%s_sum %.17g\n", name, (double)histogram->sum / divisor);
    fprintf(out, "%s_count %" PRIu64 "\n", name, count);
}
