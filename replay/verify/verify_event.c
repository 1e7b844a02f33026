#include "replay/verify/verify_event.h"

#include "replay/cell.h"

#include <inttypes.h>

enum { EXTRACTED_FROM = 4, ARENA_KEPT_BYTES = 256 * 1024 };

void verify_event_read(const struct postgres_row *row, struct verify_event *event)
{
    event->producer_id = postgres_read_uuid(cell_of_row(row, 0));
    event->sequence = (uint64_t)postgres_read_int64(cell_of_row(row, 1));
    event->recorded_at_us = postgres_read_time_us(cell_of_row(row, 2));
    event->payload = cell_of_row(row, 3);
}

static struct finding finding_at(enum verdict_kind kind, const struct verify_event *event)
{
    return (struct finding){.kind = kind,
                            .has_producer = true,
                            .producer_id = event->producer_id,
                            .first = event->sequence,
                            .last = event->sequence};
}

static void tell_unreadable(struct verify_report *report, const struct verify_event *event, const struct error *why)
{
    const struct finding finding = finding_at(VERDICT_UNREADABLE, event);

    verify_report_add(report, &finding, "%s", why->text);
}

static void tell_identity(struct verify_report *report, const struct verify_event *event)
{
    const struct finding finding = finding_at(VERDICT_IDENTITY, event);
    char said[UUID_TEXT_BYTES];

    uuid_format(&event->event.producer_id, said);
    verify_report_add(report, &finding, "the payload is number %" PRIu64 " of producer %s", event->event.sequence,
                      said);
}

static void check_columns(const struct postgres_row *row, struct arena *arena, struct verify_report *report,
                          const struct verify_event *event)
{
    struct extracted_cell cells[EXTRACTED_CELLS];
    struct finding finding = finding_at(VERDICT_COLUMN, event);

    arena_reset(arena, ARENA_KEPT_BYTES);
    for (size_t i = 0; i < EXTRACTED_CELLS; i++)
        cells[i].is_given = postgres_row_value(row, EXTRACTED_FROM + i, &cells[i].value);
    const char *column = extracted_difference(&event->event, cells, arena);
    if (column == NULL)
        return;
    finding.column = slice_from_text(column);
    if (event->event.body == EVENT_TASK_STATUS)
        finding.task_id = event->event.task_status.task_id;
    verify_report_add(report, &finding, "the column differs from the payload, which is the truth");
}

void verify_event_check(const struct postgres_row *row, struct arena *arena, struct verify_report *report,
                        struct verify_event *event)
{
    struct error why = {.kind = ERROR_NONE};
    bool has_identity;

    event->is_readable = event_decode(event->payload, &event->event, &has_identity, &why);
    if (!event->is_readable) {
        tell_unreadable(report, event, &why);
        return;
    }

    bool is_itself =
        event->event.sequence == event->sequence && uuid_compare(&event->event.producer_id, &event->producer_id) == 0;
    if (is_itself)
        check_columns(row, arena, report, event);
    else
        tell_identity(report, event);
    event->said = event->event.sequence;
    event->event.sequence = event->sequence;
}

/* The columns that are blanked, of EXTRACTED_COLUMNS; the others are what is left. */
static const char *const blanked[EXTRACTED_CELLS] = {
    [4] = "task_name",      [5] = "parent_task_id", [6] = "queue",        [7] = "worker",
    [8] = "step",           [9] = "progress",       [10] = "message",     [11] = "error_type",
    [12] = "error_message", [13] = "data",          [14] = "traceparent",
};

void verify_event_check_redacted(const struct postgres_row *row, const struct verify_event *event, bool is_told,
                                 struct verify_report *report)
{
    struct finding finding = finding_at(VERDICT_REDACTION, event);
    struct slice ignored;

    if (!is_told)
        verify_report_add(report, &finding, "the payload is blank, and no redaction tells of it");
    for (size_t i = 0; i < EXTRACTED_CELLS; i++)
        if (blanked[i] != NULL && postgres_row_value(row, EXTRACTED_FROM + i, &ignored)) {
            finding.column = slice_from_text(blanked[i]);
            verify_report_add(report, &finding, "the payload is blank, and this column is not");
            return;
        }
}
