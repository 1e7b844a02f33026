#include "replay/web/history_api.h"

#include "proto/digester.h"
#include "replay/history/history_attempts.h"
#include "replay/history/history_marks.h"
#include "replay/history/history_show.h"
#include "replay/ledger_events.h"
#include "replay/ledger_task.h"
#include "replay/web/bookmark.h"
#include "replay/web/row_json.h"
#include "replay/web/task_api.h"

#include <string.h>

enum { ATTEMPT_BYTES = sizeof(int32_t), NUMBER_BYTES = sizeof(int64_t) };

/* By attempt: attempt, occurred_at in Unix microseconds, producer_id, sequence. */
static const struct bookmark_shape shape = {.list = 'H',
                                            .count = 4,
                                            .parts = {{BOOKMARK_INTEGER, 1, EVENT_ATTEMPT_MAX},
                                                      {BOOKMARK_BIGINT, 1, EVENT_TIME_MAX_US},
                                                      {.type = BOOKMARK_UUID},
                                                      {BOOKMARK_BIGINT, 1, INT64_MAX}}};

struct history_api {
    struct desk *desk;
    struct json_writer *json;
    struct slice task_id;
    uint64_t limit;

    uint64_t seen; /* events, in the order of arrival */
    struct history_marks marks;
    struct history_attempts attempts;
    struct timeline_clock clock;

    /* The events of this page. */
    struct history_show show;
    struct stream_tail tail; /* empty */
    struct digester *digester;
    struct ledger_events_place from; /* the last event of the page before, which is not told again */
    bool is_first_page;
    bool is_told_before; /* the event at hand is that one */
    uint64_t told;
    size_t began; /* where in the text */
    bool has_more;
    struct ledger_events_place last;
};

/* ---- marks and attempts ------------------------------------------------------------------------------------------ */

static bool mark_event(void *self, const struct event *event, struct error *error)
{
    struct history_api *history = self;

    return ++history->seen > HISTORY_API_SEEN || history_marks_arrived(&history->marks, event, error);
}

static bool find_marks(struct history_api *history, struct error *error)
{
    if (!ledger_events_outline(&history->desk->ledger, history->task_id, LEDGER_BY_ARRIVAL, HISTORY_API_SEEN + 1,
                               mark_event, history, error))
        return false;
    history_marks_sort(&history->marks);
    return true;
}

static bool measure_event(void *self, const struct event *event, struct error *error)
{
    struct history_api *history = self;

    (void)error;
    timeline_clock_next(&history->clock, event);
    return true;
}

static bool find_attempts(struct history_api *history, struct error *error)
{
    history->clock = (struct timeline_clock){.tell = history_attempts_keep, .self = &history->attempts};
    if (!history_attempts_open(&history->attempts, error) ||
        !ledger_events_outline(&history->desk->ledger, history->task_id, LEDGER_BY_ATTEMPT, HISTORY_API_SEEN,
                               measure_event, history, error))
        return false;
    timeline_clock_end(&history->clock, history->desk->ledger.now_us);
    return true;
}

static void tell_attempts(struct history_api *history)
{
    const struct section *section = &history_rows_attempts;
    struct history_rows_cells cells;

    json_writer_key(history->json, "attempts");
    json_writer_array_begin(history->json);
    for (size_t i = 0; i < history->attempts.count; i++) {
        history_rows_fill_attempt(&cells, &history->attempts.list[i]);
        json_writer_object_begin(history->json);
        row_json_members(history->json, section->columns, section->count, cells.values, false);
        json_writer_object_end(history->json);
    }
    json_writer_array_end(history->json);
}

/* ---- where a page begins ----------------------------------------------------------------------------------------- */

static uint64_t number_of(struct slice bytes)
{
    uint64_t number = 0;

    for (size_t i = 0; i < bytes.size; i++)
        number = number << 8 | bytes.data[i];
    return number;
}

static bool read_place(struct slice cursor, struct ledger_events_place *place, struct error *error)
{
    struct bookmark bookmark;

    if (!bookmark_read(cursor, &shape, &bookmark, error))
        return false;
    place->attempt = (uint32_t)number_of(bookmark_key(&bookmark, 0));
    place->occurred_at_us = (int64_t)number_of(bookmark_key(&bookmark, 1));
    memcpy(place->producer_id.bytes, bookmark.keys[2].bytes, sizeof place->producer_id.bytes);
    place->sequence = number_of(bookmark_key(&bookmark, 3));
    return true;
}

static void tell_cursor(const struct history_api *history)
{
    const struct ledger_events_place *place = &history->last;
    uint8_t attempt[NUMBER_BYTES], occurred_at[NUMBER_BYTES], sequence[NUMBER_BYTES];
    char text[BOOKMARK_TEXT_BYTES_MAX];
    struct bookmark bookmark;

    json_writer_key(history->json, "cursor");
    if (!history->has_more) {
        json_writer_null(history->json);
        return;
    }
    ledger_bigint(place->attempt, attempt);
    bookmark_set(&bookmark, 0, slice_of(attempt + NUMBER_BYTES - ATTEMPT_BYTES, ATTEMPT_BYTES));
    bookmark_set(&bookmark, 1, ledger_bigint((uint64_t)place->occurred_at_us, occurred_at));
    bookmark_set(&bookmark, 2, slice_of(place->producer_id.bytes, sizeof place->producer_id.bytes));
    bookmark_set(&bookmark, 3, ledger_bigint(place->sequence, sequence));
    json_writer_string(history->json, slice_of(text, bookmark_write(&bookmark, &shape, text)));
}

static struct ledger_events_place place_of(const struct event *event)
{
    return (struct ledger_events_place){
        .attempt = attempt_effective(event->task_status.attempt),
        .occurred_at_us = event->occurred_at_us,
        .producer_id = event->producer_id,
        .sequence = event->sequence,
    };
}

static bool is_same(const struct ledger_events_place *place, const struct event *event)
{
    return place->sequence == event->sequence && uuid_compare(&place->producer_id, &event->producer_id) == 0;
}

/* ---- the events -------------------------------------------------------------------------------------------------- */

static void tell_event(void *self, const struct history_rows_event *row)
{
    struct history_api *history = self;
    const struct section *events = &history_rows_events, *raw = &history_rows_raw;
    size_t before = raw->count - HISTORY_ROWS_OF_BYTES;
    struct history_rows_cells cells;

    if (history->is_told_before)
        return;
    history_rows_fill_event(&cells, row);
    json_writer_object_begin(history->json);
    row_json_members(history->json, events->columns, events->count, cells.values, false);
    if (history->digester != NULL) {
        history_rows_fill_raw(&cells, row);
        row_json_members(history->json, raw->columns + before, HISTORY_ROWS_OF_BYTES, cells.values + before, false);
    }
    json_writer_object_end(history->json);
    history->told++;
    history->last = place_of(&row->event);
}

static bool is_full(const struct history_api *history)
{
    return history->told == history->limit || history->json->length - history->began >= HISTORY_API_BYTES;
}

/* The last one of the page before comes once more, for what the first one of this page says of how long it came after
 * it. When a page ends early the rest of its statement is given up. */
static bool take_event(void *self, const struct ledger_event *event, struct error *error)
{
    struct history_api *history = self;

    history->is_told_before = !history->is_first_page && is_same(&history->from, &event->event);
    history->has_more = is_full(history);
    if (history->has_more)
        return history->told == history->limit ||
               error_set(error, ERROR_REJECTED, "enough", "there are more events than are told");
    return history_show_archived(&history->show, event, error);
}

static bool tell_events(struct history_api *history, struct error *error)
{
    const struct ledger_events_part part = {
        .task_id = history->task_id, .from = history->from, .limit = history->limit + 2};

    history->show = (struct history_show){
        .marks = &history->marks,
        .tail = &history->tail,
        .digester = history->digester,
        .take = tell_event,
        .self = history,
    };
    json_writer_key(history->json, "events");
    json_writer_array_begin(history->json);
    history->began = history->json->length;
    if (!ledger_events_read_part(&history->desk->ledger, &part, &history->show.reading, take_event, history, error) &&
        !history->has_more)
        return false;
    json_writer_array_end(history->json);
    return true;
}

/* ---- the answer -------------------------------------------------------------------------------------------------- */

static bool tell_task(struct history_api *history, struct error *error)
{
    AUTO_POSTGRES_RESULT row = NULL;
    struct projection task;

    if (!ledger_task_find(&history->desk->ledger, history->task_id, &row, &task, error))
        return false;
    if (row == NULL)
        return error_set(error, ERROR_REJECTED, "not_found", "there is no such task");
    json_writer_key(history->json, "task");
    task_api_write(history->json, &task, ledger_task_updated_at(row), false);
    return true;
}

static bool tell(struct history_api *history, struct error *error)
{
    if (!tell_task(history, error) || !find_marks(history, error) ||
        (history->is_first_page && !find_attempts(history, error)))
        return false;
    tell_attempts(history);
    if (!tell_events(history, error))
        return false;
    tell_cursor(history);
    json_writer_key(history->json, "is_cut");
    json_writer_boolean(history->json,
                        history->seen > HISTORY_API_SEEN || history->marks.lost > 0 || history->attempts.lost > 0);
    return true;
}

bool history_api_tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error)
{
    const struct route_value *cursor = route_value(question, "cursor");
    struct history_api history = {
        .desk = desk,
        .json = json,
        .task_id = question->part,
        .limit = (uint64_t)route_value(question, "limit")->integer,
        .is_first_page = !cursor->is_given,
    };

    if (cursor->is_given && !read_place(cursor->text, &history.from, error))
        return false;
    if (route_value(question, "raw")->integer != 0 && (history.digester = digester_new()) == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot tell a history: out of memory");

    bool good = tell(&history, error);
    history_show_close(&history.show);
    digester_free(history.digester);
    history_marks_close(&history.marks);
    history_attempts_close(&history.attempts);
    return good;
}
