/* permits_page: how many permits of each name are in use, as Prometheus reads it. */
#ifndef TASKLEDGER_PRODUCER_EMIT_PERMITS_PAGE_H
#define TASKLEDGER_PRODUCER_EMIT_PERMITS_PAGE_H

#include "producer/lease/terms.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { PERMITS_PAGE_MAX = 1000 };

struct permits_page_row {
    char name[TERMS_PERMIT_BYTES_MAX + 1];
    uint64_t held;
    uint64_t waiting;
};

/* A zeroed one is empty. */
struct permits_page {
    struct permits_page_row *rows; /* owned */
    size_t count;
    uint64_t names; /* also of those that are not told */
};

void permits_page_close(struct permits_page *page);

/* One more; the first PERMITS_PAGE_MAX are told. TRANSIENT, "memory". */
bool permits_page_add(struct permits_page *page, const char *name, uint64_t held, uint64_t waiting,
                      struct error *error);

/* What was seen now. */
void permits_page_print(const struct permits_page *page, FILE *out);

/* Its rows of the page for people. */
void permits_page_print_markdown(FILE *out);

#endif
