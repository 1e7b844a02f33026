#include "producer/reports.h"

#include <stdlib.h>
#include <string.h>

/* So many of the newest are looked at for one to go on with: kinds come in turn. */
enum { LOOKED_AT_MAX = 4 };

bool reports_init(struct reports *reports, size_t capacity)
{
    *reports = (struct reports){.capacity = capacity};
    if (capacity == 0)
        return true;
    reports->items = calloc(capacity, sizeof reports->items[0]);
    return reports->items != NULL;
}

void reports_close(struct reports *reports)
{
    free(reports->items);
    *reports = (struct reports){.capacity = 0};
}

static struct report *item_at(const struct reports *reports, size_t place)
{
    return &reports->items[(reports->first + place) % reports->capacity];
}

static bool goes_on(const struct report *before, const struct report *report)
{
    return before->kind == report->kind && before->last_sequence + 1 == report->first_sequence &&
           strcmp(before->reason, report->reason) == 0 &&
           memcmp(&before->producer_id, &report->producer_id, sizeof report->producer_id) == 0;
}

void reports_add(struct reports *reports, const struct report *report)
{
    if (reports->capacity == 0)
        return;
    for (size_t back = 1; back <= LOOKED_AT_MAX && back <= reports->count; back++) {
        struct report *before = item_at(reports, reports->count - back);

        if (goes_on(before, report)) {
            before->last_sequence = report->last_sequence;
            return;
        }
    }
    if (reports->count == reports->capacity) {
        struct report oldest;

        reports->lost += reports_take(reports, &oldest);
    }
    *item_at(reports, reports->count++) = *report;
}

void reports_add_ordinals(struct reports *reports, const struct runs *runs, enum taskledger_report_kind kind,
                          uint64_t first, uint64_t last)
{
    struct run_range range;

    if (reports->capacity == 0)
        return;
    while (first <= last && runs_find(runs, first, last, &range)) {
        reports_add(reports, &(struct report){
                                 .kind = kind,
                                 .producer_id = range.producer_id,
                                 .first_sequence = range.first_sequence,
                                 .last_sequence = range.last_sequence,
                                 .reason = kind == TASKLEDGER_REPORT_DROPPED ? "spool" : "",
                             });
        first = range.last_ordinal + 1;
    }
}

bool reports_take(struct reports *reports, struct report *report)
{
    if (reports->count == 0)
        return false;
    *report = *item_at(reports, 0);
    reports->first = (reports->first + 1) % reports->capacity;
    reports->count--;
    return true;
}
