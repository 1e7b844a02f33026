/* stats_page: the producers of a host and their spool folder, as Prometheus reads them, by way of a file that
 * node_exporter's textfile collector takes in.
 *
 * Counters are those of producers that live, one series each: a sum over them would fall with each that ends, and what
 * falls is a restart to Prometheus. What those who are gone left behind is told of the folder. */
#ifndef TASKLEDGER_PRODUCER_EMIT_STATS_PAGE_H
#define TASKLEDGER_PRODUCER_EMIT_STATS_PAGE_H

#include "producer/spool/glance.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { STATS_PAGE_PRODUCERS_MAX = 1000, STATS_PAGE_NAME_BYTES = 48 };

/* One that lives. */
struct stats_page_producer {
    char name[STATS_PAGE_NAME_BYTES];
    struct stats stats;
};

struct stats_page_folder {
    uint64_t alive;
    uint64_t gone;
    uint64_t bytes;
    uint64_t damaged;
    uint64_t left_behind;
    uint64_t oldest_at_us; /* Unix time; 0: none */
    uint64_t seen_at_us;
};

/* A zeroed one is empty. */
struct stats_page {
    struct stats_page_producer *producers; /* owned */
    size_t count;
    struct stats_page_folder folder;
};

void stats_page_close(struct stats_page *page);

/* One more; `left` is what one that is gone left behind. Counters of the first STATS_PAGE_PRODUCERS_MAX are kept. False
 * when memory is short. */
bool stats_page_add(struct stats_page *page, const char *name, const struct glance *glance,
                    const struct glance_events *left);

/* `directory` is the folder, as a label. */
void stats_page_print(const struct stats_page *page, const char *directory, FILE *out);

/* Its rows of the page for people. */
void stats_page_print_markdown(FILE *out);

#endif
