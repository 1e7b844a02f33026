#include "replay/history/history_show.h"

#include "proto/stream.h"
#include "replay/history/raw_fields.h"
#include "replay/transfer/letters.h"

#include <inttypes.h>
#include <stdio.h>

enum { ARENA_KEPT_BYTES = 256 * 1024, HEADING_BYTES = 32 };

const struct section *history_show_section(const struct history_show *show)
{
    return show->digester != NULL ? &history_rows_raw : &history_rows_events;
}

static uint32_t attempt_of(const struct event *event)
{
    return attempt_effective(event->task_status.attempt);
}

bool history_show_comes_before(const struct event *a, const struct event *b)
{
    return attempt_of(a) != attempt_of(b) ? attempt_of(a) < attempt_of(b) : a->occurred_at_us < b->occurred_at_us;
}

/* ---- one row ---------------------------------------------------------------------------------------------------- */

/* The very same statement, under two identities. */
static bool says_the_same(const struct event *a, const struct event *b)
{
    const struct task_status *one = &a->task_status, *other = &b->task_status;

    return a->occurred_at_us == b->occurred_at_us && attempt_of(a) == attempt_of(b) && one->status == other->status &&
           one->has_progress == other->has_progress && (!one->has_progress || one->progress == other->progress) &&
           slice_equal(one->step, other->step) && slice_equal(one->message, other->message) &&
           slice_equal(one->worker, other->worker) && slice_equal(one->queue, other->queue) &&
           slice_equal(one->error_type, other->error_type) && slice_equal(one->error_message, other->error_message) &&
           slice_equal(one->error_traceback, other->error_traceback) && slice_equal(one->data_json, other->data_json);
}

static void write_row(struct history_show *show, const struct history_rows_event *row)
{
    uint32_t attempt = attempt_of(&row->event);
    char heading[HEADING_BYTES];

    if (show->output == NULL) {
        show->take(show->self, row);
        return;
    }
    if (show->shown_attempt != 0 && attempt != show->shown_attempt) {
        snprintf(heading, sizeof heading, "attempt %" PRIu32, attempt);
        output_heading(show->output, heading);
    }
    show->shown_attempt = attempt;
    if (show->digester != NULL)
        history_rows_write_raw(show->output, row);
    else
        history_rows_write_event(show->output, row);
}

/* What `row` tells of the one that happened before it. */
static void relate(struct history_rows_event *row, const struct history_rows_event *before)
{
    row->has_after = attempt_of(&row->event) == attempt_of(&before->event);
    row->after_us = row->event.occurred_at_us - before->event.occurred_at_us;
    row->is_duplicate = row->is_readable && before->is_readable && says_the_same(&row->event, &before->event);
}

/* Texts of a row that live until the one after the next. */
static bool keep_texts(struct history_show *show, struct history_rows_event *row, struct slice payload,
                       struct error *error)
{
    struct history_rows_bytes *bytes = &row->bytes;
    bool is_table = show->output != NULL && show->output->format == OUTPUT_TABLE, good = true;
    struct arena *arena = &show->texts[show->texts_now = !show->texts_now];

    arena_reset(arena, ARENA_KEPT_BYTES);
    row->redacted_because = arena_copy(arena, row->redacted_because);
    if (show->digester != NULL) {
        const struct digest digest = digester_hash(show->digester, payload);
        digest_format(&digest, bytes->sha256);
        bytes->size = payload.size;
        bytes->stream = arena_copy(arena, bytes->stream);
        bytes->fields = raw_fields(payload, !is_table, arena);
        good = bytes->fields.data != NULL && (is_table ? letters_to_hex(payload, arena, &bytes->payload)
                                                       : letters_to_base64(payload, arena, &bytes->payload));
    }
    return good || error_set(error, ERROR_FATAL, "memory", "cannot tell a history: out of memory");
}

static bool take_row(struct history_show *show, struct history_rows_event *row, struct slice payload,
                     struct error *error)
{
    if (!keep_texts(show, row, payload, error))
        return false;
    if (show->is_newest_first) {
        if (show->has_last) {
            relate(&show->last, row);
            write_row(show, &show->last);
        }
    } else {
        if (show->has_last)
            relate(row, &show->last);
        write_row(show, row);
    }
    show->last = *row;
    show->has_last = true;
    return true;
}

/* ---- from the ledger and from the stream ------------------------------------------------------------------------ */

bool history_show_new(struct history_show *show, const struct ledger_event *event, enum timeline_mark mark,
                      struct error *error)
{
    struct history_rows_event row = {
        .event = event->event,
        .is_readable = event->is_readable,
        .is_redacted = event->is_redacted,
        .redacted_because = event->redacted_because,
        .is_contested = event->is_contested,
        .is_archived = true,
        .recorded_at_us = event->recorded_at_us,
        .mark = mark,
        .bytes = {.stream = event->stream},
    };
    snprintf(row.bytes.stream_id, sizeof row.bytes.stream_id, "%" PRIu64 "-%" PRIu64, event->stream_ms,
             event->stream_sequence);
    if (!take_row(show, &row, event->payload, error))
        return false;

    /* What was read stays, and the next one is read to where the last one was. */
    struct arena kept = show->kept;
    show->kept = show->reading;
    show->reading = kept;
    return true;
}

bool history_show_new_waiting(struct history_show *show, const struct stream_tail_event *event, enum timeline_mark mark,
                              struct error *error)
{
    struct history_rows_event row = {
        .event = event->event,
        .is_readable = true,
        .recorded_at_us = PROJECTION_NEVER,
        .mark = mark,
        .bytes = {.stream = slice_from_text(show->stream)},
    };

    snprintf(row.bytes.stream_id, sizeof row.bytes.stream_id, "%" PRIu64 "-%" PRIu64, event->id.ms, event->id.sequence);
    return take_row(show, &row, event->payload, error);
}

/* Those not archived that come before this event in the order of the rows; NULL: all that are left. */
static bool show_tail(struct history_show *show, const struct event *before, struct error *error)
{
    for (; show->tail_shown < show->tail->count; show->tail_shown++) {
        size_t at = show->is_newest_first ? show->tail->count - 1 - show->tail_shown : show->tail_shown;
        const struct stream_tail_event *next = &show->tail->events[at];

        if (before != NULL && (show->is_newest_first ? !history_show_comes_before(before, &next->event)
                                                     : !history_show_comes_before(&next->event, before)))
            return true;
        if (!next->is_archived &&
            !history_show_new_waiting(show, next, history_marks_of(show->marks, &next->event), error))
            return false;
    }
    return true;
}

bool history_show_archived(void *self, const struct ledger_event *event, struct error *error)
{
    struct history_show *show = self;

    return show_tail(show, &event->event, error) &&
           history_show_new(show, event, history_marks_of(show->marks, &event->event), error);
}

bool history_show_finish(struct history_show *show, struct error *error)
{
    if (!show_tail(show, NULL, error))
        return false;
    if (show->is_newest_first && show->has_last)
        write_row(show, &show->last);
    return true;
}

void history_show_forget(struct history_show *show)
{
    struct task_status *status = &show->last.event.task_status;

    if (show->last.is_archived)
        return; /* its texts are ours */
    *status = (struct task_status){.status = status->status, .attempt = status->attempt};
    show->last.is_readable = false;
}

void history_show_close(struct history_show *show)
{
    arena_close(&show->reading);
    arena_close(&show->kept);
    arena_close(&show->texts[0]);
    arena_close(&show->texts[1]);
}
