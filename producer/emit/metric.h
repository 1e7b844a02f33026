/* metric: a table of numbers as Prometheus reads them, and as the page for people lists them. */
#ifndef TASKLEDGER_PRODUCER_EMIT_METRIC_H
#define TASKLEDGER_PRODUCER_EMIT_METRIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum metric_kind {
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_TIME, /* Unix microseconds, read as seconds; 0, and what is beyond INT64_MAX: not known, and not printed */
};

/* Rows of one name stand together; the first has the help. */
struct metric {
    const char *name;
    enum metric_kind kind;
    size_t offset;     /* of a uint64_t in what is told */
    const char *label; /* of this row, behind those that all rows have: reason="full"; NULL: none */
    const char *help;
};

/* HELP and TYPE, if this is the first row of its name. */
void metric_describe(const struct metric *metric, FILE *out);

bool metric_is_known(const struct metric *metric, const void *told);

/* The end of a sample whose name and labels are printed but for the last brace: the row's label, and the value. */
void metric_end_sample(const struct metric *metric, const void *told, FILE *out);

/* Rows of a table in Markdown; `labels` are those that all rows have, as they stand there. */
void metric_print_markdown(const struct metric *metrics, size_t count, const char *labels, FILE *out);

/* Its head. */
void metric_print_markdown_head(FILE *out);

#endif
