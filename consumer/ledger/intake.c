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
    arena_init(&intake->scratch, INTAKE_SCRATCH_BYTES_MAX);
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
    arena_close(&intake->scratch);
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

/* The slices of a task status that have a column. */
enum { FIELDS_MAX = 11 };

static size_t fields_of(struct event *event, struct slice *fields[FIELDS_MAX])
{
    size_t count = 0;

    if (event->body == EVENT_TASK_STATUS) {
        struct task_status *status = &event->task_status;
        fields[count++] = &status->task_id;
        fields[count++] = &status->task_name;
        fields[count++] = &status->worker;
        fields[count++] = &status->step;
        fields[count++] = &status->message;
        fields[count++] = &status->error_type;
        fields[count++] = &status->error_message;
        fields[count++] = &status->data_json;
        fields[count++] = &status->traceparent;
        fields[count++] = &status->parent_task_id;
        fields[count++] = &status->queue;
    } else if (event->body == EVENT_PRODUCER_OPENED) {
        fields[count++] = &event->producer_opened.host;
        fields[count++] = &event->producer_opened.worker;
        fields[count++] = &event->producer_opened.library_version;
    }
    return count;
}

static void forget_the_rest(struct event *event)
{
    event->previous_digest = (struct slice){0};
    if (event->body == EVENT_TASK_STATUS)
        event->task_status.error_traceback = (struct slice){0};
    else if (event->body == EVENT_PRODUCER_DROPPED)
        event->producer_dropped.reason = (struct slice){0};
    else if (event->body == EVENT_PRODUCER_ADOPTED)
        event->producer_adopted.last_digest = (struct slice){0};
}

/* From the scratch arena, where decoding strews them, into one stretch of the batch's. */
static bool keep_fields(struct intake *intake, struct event *event)
{
    struct slice *fields[FIELDS_MAX];
    size_t count = fields_of(event, fields);
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += fields[i]->size;
    uint8_t *kept = arena_take(&intake->arena, bytes);
    if (kept == NULL)
        return false;

    for (size_t i = 0; i < count; i++) {
        if (fields[i]->size == 0)
            continue;
        memcpy(kept, fields[i]->data, fields[i]->size);
        fields[i]->data = kept;
        kept += fields[i]->size;
    }
    forget_the_rest(event);
    return true;
}

/* Bytes can be arranged so that decoding them takes a hundred times their size. That is the event's fault. */
static void blame_greed(const struct intake *intake, struct error *why)
{
    if (why->kind == ERROR_FATAL && intake->scratch.held_bytes > INTAKE_SCRATCH_BYTES_MAX / 2)
        error_set(why, ERROR_REJECTED, "undecodable", "more than %d bytes are needed to decode it",
                  INTAKE_SCRATCH_BYTES_MAX / 2);
}

static bool read_whole(struct intake *intake, const struct entry *entry, struct error *error)
{
    struct intake_row *row = &intake->rows[intake->count];
    struct error why = {.kind = ERROR_NONE};
    bool has_identity = false;

    *row = (struct intake_row){.entry = entry};
    bool good = event_decode(entry->payload, &intake->scratch, &row->event, &has_identity, &why);
    if (good) {
        if (!keep_fields(intake, &row->event))
            return out_of_memory(error);
        intake->count++;
        return true;
    }

    blame_greed(intake, &why);
    if (why.kind != ERROR_REJECTED) {
        *error = why;
        return false;
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
static bool read_redacted(struct intake *intake, const struct entry *entry)
{
    intake->rows[intake->count++] = (struct intake_row){.entry = entry, .event = entry->origin->skeleton};
    return true;
}

static bool read_entry(struct intake *intake, const struct entry *entry, struct error *error)
{
    const struct intake_fault malformed = {.entry = entry, .reason = APPLY_MALFORMED_ENTRY};
    bool good = true;

    switch (entry->state) {
    case ENTRY_WHOLE:
        good = origin_is_redacted(entry) ? read_redacted(intake, entry) : read_whole(intake, entry, error);
        arena_reset(&intake->scratch, EVENT_BYTES_MAX);
        break;
    case ENTRY_MALFORMED:
        good = intake_add_fault(intake, &malformed, "the entry does not have exactly the field \"" STREAM_FIELD "\"",
                                error);
        break;
    case ENTRY_DELETED:
        break;
    }
    return good;
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
    for (size_t i = 0; i < intake->count; i++)
        intake->sorted[i] = &intake->rows[i];
    qsort(intake->sorted, intake->count, sizeof(struct intake_row *), by_identity);
    intake_mark(intake);
    return true;
}
