#include "producer/emit/metric.h"

#include "proto/exposition.h"

#include <inttypes.h>
#include <string.h>

static uint64_t value_of(const struct metric *metric, const void *told)
{
    uint64_t value;

    memcpy(&value, (const char *)told + metric->offset, sizeof value);
    return value;
}

static const char *type_of(const struct metric *metric)
{
    return metric->kind == METRIC_COUNTER ? "counter" : "gauge";
}

void metric_describe(const struct metric *metric, FILE *out)
{
    if (metric->help != NULL)
        exposition_describe(metric->name, type_of(metric), metric->help, out);
}

bool metric_is_known(const struct metric *metric, const void *told)
{
    uint64_t value = value_of(metric, told);

    return metric->kind != METRIC_TIME || (value != 0 && value <= INT64_MAX);
}

void metric_end_sample(const struct metric *metric, const void *told, FILE *out)
{
    uint64_t value = value_of(metric, told);

    if (metric->label != NULL)
        fprintf(out, ",%s", metric->label);
    fprintf(out, "} ");
    if (metric->kind == METRIC_TIME)
        exposition_time((int64_t)value, out);
    else
        fprintf(out, "%" PRIu64 "\n", value);
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

void metric_print_markdown_head(FILE *out)
{
    fprintf(out, "| metric | type | labels | what it tells |\n|---|---|---|---|\n");
}

static void print_row(const struct metric *metric, const struct metric *end, const char *labels, FILE *out)
{
    fprintf(out, "| `%s` | %s | %s", metric->name, type_of(metric), labels);
    for (const struct metric *row = metric; row < end && strcmp(row->name, metric->name) == 0; row++)
        if (row->label != NULL)
            fprintf(out, ", `%s`", row->label);
    fprintf(out, " | %s |\n", metric->help);
}

void metric_print_markdown(const struct metric *metrics, size_t count, const char *labels, FILE *out)
{
    for (size_t i = 0; i < count; i++)
        if (metrics[i].help != NULL)
            print_row(&metrics[i], metrics + count, labels, out);
}
