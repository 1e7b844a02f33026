#include "consumer/ledger/intake.h"

#include "consumer/ledger/origin.h"
#include "proto/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool intake_init(struct intake *intake, struct error *error)
{
    *intake = (struct intake){
        .rows = malloc(BATCH_ENTRIES_MAX * sizeof *intake->rows),
        .sorted = malloc(BATCH_ENTRIES_MAX * sizeof(struct intake_row *)),
        .tasks = malloc(BATCH_ENTRIES_MAX * sizeof(struct intake_row *)),
    };
    arena_init(&intake->arena, INTAKE_ARENA_BYTES_MAX);
    if (intake->rows != NULL && intake->sorted != NULL && intake->tasks != NULL)
        return true;

    intake_close(intake);
    return error_set(error, ERROR_FATAL, "memory", "cannot get memory for a batch");
}

void intake_close(struct intake *intake)
{
    free(intake->rows);
    free(intake->sorted);
    free(intake->tasks);
    arena_close(&intake->arena);
    *intake = (struct intake){.count = 0};
}

/* ---- faults ----------------------------------------------------------------------------------------------------- */

static bool out_of_memory(struct error *error)
{
    return error_set(error, ERROR_FATAL, "memory", "cannot get memory for the events of a batch");
}

/* The text may quote what came, and may be cut in the middle of a character. */
static void make_utf8(char *text)
{
    struct slice whole = slice_from_text(text);
    size_t bad;

    while ((bad = utf8_check(whole)) < whole.size)
        text[bad] = '?';
}

bool intake_add_fault(struct intake *intake, const struct intake_fault *fault, const char *detail, struct error *error)
{
    size_t size = strlen(detail) + 1;
    struct intake_fault *added = arena_take(&intake->arena, sizeof *added);
    char *text = arena_take(&intake->arena, size);

    if (added == NULL || text == NULL)
        return out_of_memory(error);

    memcpy(text, detail, size);
    make_utf8(text);
    *added = *fault;
    added->detail = slice_from_text(text);
    added->next = intake->faults;
    intake->faults = added;
    return true;
}

static enum apply_reason reason_of(const struct error *why)
{
    for (enum apply_reason reason = 0; reason < APPLY_REASONS; reason++) {
        if (strcmp(why->reason, apply_reason_names[reason]) == 0)
            return reason;
    }
    return APPLY_INVALID;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static bool read_whole(struct intake *intake, const struct entry *entry, struct error *error)
{
    struct intake_row *row = &intake->rows[intake->count];
    struct error why;
    bool has_identity;

    *row = (struct intake_row){.entry = entry};
    if (event_decode(entry->payload, &row->event, &has_identity, &why)) {
        intake->count++;
        return true;
    }

    const struct intake_fault fault = {
        .entry = entry,
        .reason = reason_of(&why),
        .has_identity = has_identity,
        .producer_id = row->event.producer_id,
        .sequence = row->event.sequence,
    };
    return intake_add_fault(intake, &fault, why.text, error);
}

/* There is nothing to decode; the texts live as long as the entry. */
static void read_redacted(struct intake *intake, const struct entry *entry)
{
    intake->rows[intake->count++] = (struct intake_row){.entry = entry, .event = entry->origin->skeleton};
}

static bool read_entry(struct intake *intake, const struct entry *entry, struct error *error)
{
    const struct intake_fault malformed = {.entry = entry, .reason = APPLY_MALFORMED_ENTRY};

    switch (entry->state) {
    case ENTRY_WHOLE:
        if (!origin_is_redacted(entry))
            return read_whole(intake, entry, error);
        read_redacted(intake, entry);
        return true;
    case ENTRY_MALFORMED:
        return intake_add_fault(intake, &malformed, "the entry does not have exactly the field \"" STREAM_FIELD "\"",
                                error);
    case ENTRY_DELETED:
        break;
    }
    return true;
}

/* ---- order ------------------------------------------------------------------------------------------------------ */

static int by_identity(const void *left, const void *right)
{
    const struct intake_row *a = *(struct intake_row *const *)left;
    const struct intake_row *b = *(struct intake_row *const *)right;
    int order = uuid_compare(&a->event.producer_id, &b->event.producer_id);

    if (order == 0)
        order = (a->event.sequence > b->event.sequence) - (a->event.sequence < b->event.sequence);
    return order != 0 ? order : (a > b) - (a < b);
}

/* Empty for what a producer says about itself. */
static struct slice task_of(const struct intake_row *row)
{
    return row->event.body == EVENT_TASK_STATUS ? row->event.task_status.task_id : (struct slice){.size = 0};
}

static int by_task(const void *left, const void *right)
{
    const struct intake_row *a = *(struct intake_row *const *)left;
    const struct intake_row *b = *(struct intake_row *const *)right;
    int order = slice_compare(task_of(a), task_of(b));

    return order != 0 ? order : by_identity(left, right);
}

static void sort(struct intake *intake)
{
    for (size_t i = 0; i < intake->count; i++)
        intake->sorted[i] = intake->tasks[i] = &intake->rows[i];
    qsort(intake->sorted, intake->count, sizeof(struct intake_row *), by_identity);
    qsort(intake->tasks, intake->count, sizeof(struct intake_row *), by_task);
}

void intake_mark(struct intake *intake)
{
    const struct intake_row *first = NULL;

    for (size_t i = 0; i < intake->count; i++) {
        struct intake_row *row = intake->sorted[i];

        if (first == NULL || !intake_same_identity(first, row)) {
            first = row;
            row->state = INTAKE_NEW;
        } else {
            row->state = slice_equal(first->entry->payload, row->entry->payload) ? INTAKE_DUPLICATE : INTAKE_CONFLICT;
        }
    }
}

bool intake_has(const struct intake *intake, enum intake_state state)
{
    for (size_t i = 0; i < intake->count; i++) {
        if (intake->rows[i].state == state)
            return true;
    }
    return false;
}

bool intake_read(struct intake *intake, const struct batch *batch, struct error *error)
{
    assert(batch->count <= BATCH_ENTRIES_MAX);
    arena_reset(&intake->arena, INTAKE_KEEP_BYTES);
    intake->count = 0;
    intake->faults = NULL;

    for (size_t i = 0; i < batch->count; i++) {
        if (!read_entry(intake, &batch->entries[i], error))
            return false;
    }
    sort(intake);
    intake_mark(intake);
    return true;
}
