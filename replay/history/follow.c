#include "replay/history/follow.h"

#include "proto/backoff.h"
#include "replay/console.h"
#include "replay/ledger_events.h"
#include "replay/ledger_task.h"

#include <unistd.h>

enum { MILLISECOND_US = 1000, AWAY_MS_FIRST = 50 };

/* What the looks so far have told. */
struct looking {
    struct follow *follow;
    uint64_t event_count; /* of the task's row, when its events were read last */
    bool is_final;
    bool is_new;           /* this look showed something */
    int64_t quiet_from_us; /* monotonic */
    bool is_away;          /* PostgreSQL, which was said */
    bool said_nothing;     /* that there is no such task */
};

static bool show_if_new(void *self, const struct ledger_event *event, struct error *error)
{
    struct looking *looking = self;
    struct follow *follow = looking->follow;
    bool is_new;

    stream_tail_archived(&follow->stream->tail, &event->event.producer_id, event->event.sequence);
    if (!seen_events_note(follow->seen, &event->event.producer_id, event->event.sequence, &is_new, error))
        return false;
    if (!is_new)
        return true;
    looking->is_new = true;
    return history_show_new(follow->show, event, timeline_marker_next(&follow->marks->marker, &event->event), error);
}

static bool show_waiting(struct looking *looking, struct error *error)
{
    struct follow *follow = looking->follow;

    for (size_t i = 0; i < follow->stream->tail.count; i++) {
        const struct stream_tail_event *event = &follow->stream->tail.events[i];
        bool is_new;

        if (event->is_archived)
            continue;
        if (!seen_events_note(follow->seen, &event->event.producer_id, event->event.sequence, &is_new, error))
            return false;
        if (!is_new)
            continue;
        looking->is_new = true;
        if (!history_show_new_waiting(follow->show, event, timeline_marker_next(&follow->marks->marker, &event->event),
                                      error))
            return false;
    }
    return true;
}

/* The row changes in the transaction that adds an event, so that it tells whether there is one to be read. */
static bool look_at_ledger(struct looking *looking, struct error *error)
{
    struct follow *follow = looking->follow;
    AUTO_POSTGRES_RESULT row = NULL;
    struct projection projection;

    if (!ledger_begin(follow->ledger, error) ||
        !ledger_task_find(follow->ledger, follow->task_id, &row, &projection, error))
        return false;
    if (row == NULL && !looking->said_nothing && follow->seen->count == 0)
        console_say("there is no task \"%.*s\" yet", SLICE_PRINT(follow->task_id));
    looking->said_nothing = true;
    looking->is_final = row != NULL && status_phase(projection.status) == PHASE_FINAL;
    if (row == NULL || (projection.event_count == looking->event_count && follow->stream->tail.count == 0))
        return true;
    if (!ledger_events_read(follow->ledger, follow->task_id, LEDGER_BY_ARRIVAL, &follow->show->reading, show_if_new,
                            looking, error))
        return false;
    looking->event_count = projection.event_count;
    return true;
}

/* The stream first: what is archived in between is then found in the ledger. The rows shown last may be of the stream
 * as it was, so its memory stays until they are forgotten. */
static bool look(struct looking *looking, struct error *error)
{
    struct follow *follow = looking->follow;

    looking->is_new = false;
    history_show_forget(follow->show);
    task_stream_close(follow->stream);
    return task_stream_look(follow->stream, follow->replay, follow->task_id, error) && look_at_ledger(looking, error) &&
           show_waiting(looking, error);
}

static bool has_ended(struct looking *looking, int64_t now_us)
{
    bool is_quiet = !looking->is_new && looking->is_final && stream_tail_waiting(&looking->follow->stream->tail) == 0;

    if (!is_quiet)
        looking->quiet_from_us = now_us;
    return now_us - looking->quiet_from_us >= FOLLOW_SETTLE_MS * (int64_t)MILLISECOND_US;
}

/* Said once until it is back. */
static void say_away(struct looking *looking, const struct error *why)
{
    if (!looking->is_away)
        console_say("%s; waiting", why->text);
    looking->is_away = true;
}

static int64_t pause_us(int64_t took_us)
{
    int64_t every_us = FOLLOW_EVERY_MS * (int64_t)MILLISECOND_US;

    return took_us * FOLLOW_SHARE > every_us ? took_us * FOLLOW_SHARE : every_us;
}

bool follow_until_end(struct follow *follow, struct error *error)
{
    const struct clock *clock = follow->replay->clock;
    struct looking looking = {.follow = follow, .quiet_from_us = clock->monotonic_us(clock->self)};
    struct backoff backoff;

    backoff_init(&backoff, AWAY_MS_FIRST, FOLLOW_AWAY_MS_MAX, (uint64_t)getpid());
    for (;;) {
        struct error why = {.kind = ERROR_NONE};
        int64_t began_us = clock->monotonic_us(clock->self);
        bool good = look(&looking, &why);
        int64_t now_us = clock->monotonic_us(clock->self);

        output_flush(follow->show->output);
        if (good && has_ended(&looking, now_us))
            return true;
        if (!good && why.kind != ERROR_TRANSIENT) {
            *error = why;
            return false;
        }
        if (!good) {
            say_away(&looking, &why);
            looking.quiet_from_us = now_us;
            clock->sleep_us(clock->self, backoff_next_us(&backoff));
            continue;
        }
        looking.is_away = false;
        backoff_reset(&backoff);
        clock->sleep_us(clock->self, pause_us(now_us - began_us));
    }
}
