#include "producer/emit/permits_page.h"

#include "producer/emit/metric.h"
#include "proto/clock.h"
#include "proto/exposition.h"
#include "proto/slice.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct metric of_permit[] = {
    {"taskledger_permit_held", METRIC_GAUGE, offsetof(struct permits_page_row, held), NULL,
     "Permits in use. Names that nobody uses or waits for are not told, nor those behind the first 1,000."},
    {"taskledger_permit_waiting", METRIC_GAUGE, offsetof(struct permits_page_row, waiting), NULL,
     "Who waits in the line for one."},
};

enum { OF_PERMIT = sizeof of_permit / sizeof *of_permit };

#define NAMES      "taskledger_permit_names"
#define NAMES_HELP "Names of which permits are in use or waited for."
#define SEEN       "taskledger_permit_seen_timestamp_seconds"
#define SEEN_HELP  "When Redis was asked, in Unix time: if that stands still nobody asks."

void permits_page_close(struct permits_page *page)
{
    free(page->rows);
    *page = (struct permits_page){.rows = NULL};
}

bool permits_page_add(struct permits_page *page, const char *name, uint64_t held, uint64_t waiting, struct error *error)
{
    page->names++;
    if (page->count == PERMITS_PAGE_MAX)
        return true;
    if (page->rows == NULL)
        page->rows = calloc(PERMITS_PAGE_MAX, sizeof *page->rows);
    if (page->rows == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for the page");

    struct permits_page_row *row = &page->rows[page->count++];
    snprintf(row->name, sizeof row->name, "%s", name);
    row->held = held;
    row->waiting = waiting;
    return true;
}

static void print_row(const struct metric *metric, const struct permits_page_row *row, FILE *out)
{
    fprintf(out, "%s{permit=\"", metric->name);
    exposition_label(slice_from_text(row->name), out);
    fputc('"', out);
    metric_end_sample(metric, row, out);
}

void permits_page_print(const struct permits_page *page, FILE *out)
{
    for (size_t i = 0; i < OF_PERMIT; i++) {
        metric_describe(&of_permit[i], out);
        for (size_t j = 0; j < page->count; j++)
            print_row(&of_permit[i], &page->rows[j], out);
    }
    exposition_describe(NAMES, "gauge", NAMES_HELP, out);
    fprintf(out, NAMES " %" PRIu64 "\n", page->names);
    exposition_describe(SEEN, "gauge", SEEN_HELP, out);
    fprintf(out, SEEN " ");
    exposition_time(clock_system()->unix_us(NULL), out);
}

void permits_page_print_markdown(FILE *out)
{
    metric_print_markdown(of_permit, OF_PERMIT, "`permit`", out);
    fprintf(out, "| `" NAMES "` | gauge |  | " NAMES_HELP " |\n| `" SEEN "` | gauge |  | " SEEN_HELP " |\n");
}
