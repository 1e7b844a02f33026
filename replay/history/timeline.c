#include "replay/history/timeline.h"

#include "proto/status.h"

#include <stddef.h>

const char *timeline_mark_name(enum timeline_mark mark)
{
    switch (mark) {
    case TIMELINE_MOVED:
        return NULL;
    case TIMELINE_SUPERSEDED:
        return "superseded";
    case TIMELINE_LATE:
        return "late";
    case TIMELINE_SECOND_END:
        return "second end";
    }
    return NULL;
}

/* The texts of the event do not outlive it. */
static struct projection order_of(const struct event *event)
{
    return (struct projection){
        .status = event->task_status.status,
        .attempt = attempt_effective(event->task_status.attempt),
        .occurred_at_us = event->occurred_at_us,
        .producer_id = event->producer_id,
        .sequence = event->sequence,
    };
}

static bool is_final(const struct projection *projection)
{
    return status_phase(projection->status) == PHASE_FINAL;
}

enum timeline_mark timeline_marker_next(struct timeline_marker *marker, const struct event *event)
{
    const struct projection next = order_of(event);
    const struct projection known = marker->greatest;
    bool is_greater = !marker->any || projection_compare(&next, &known) > 0;
    bool was_any = marker->any;

    marker->any = true;
    if (is_greater)
        marker->greatest = next;

    if (!was_any || next.attempt > known.attempt)
        return TIMELINE_MOVED;
    if (next.attempt < known.attempt)
        return TIMELINE_SUPERSEDED;
    if (is_final(&next) && is_final(&known))
        return TIMELINE_SECOND_END;
    return is_greater ? TIMELINE_MOVED : TIMELINE_LATE;
}

/* ---- durations ------------------------------------------------------------------------------------------------- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* From one moment to another, if both are known. */
static bool span(int64_t from_us, int64_t to_us, int64_t *us)
{
    if (from_us == PROJECTION_NEVER || to_us == PROJECTION_NEVER)
        return false;
    *us = to_us > from_us ? to_us - from_us : 0;
    return true;
}

static void begin(struct timeline_clock *clock, const struct projection *first)
{
    clock->attempt = (struct timeline_attempt){.attempt = first->attempt, .began_at_us = first->occurred_at_us};
    clock->greatest = *first;
    clock->waiting_since_us = PROJECTION_NEVER;
    clock->active_since_us = PROJECTION_NEVER;
    clock->final_at_us = PROJECTION_NEVER;
    clock->any = true;
}

static void take(struct timeline_clock *clock, const struct projection *event)
{
    int64_t at_us = event->occurred_at_us;

    switch (status_phase(event->status)) {
    case PHASE_WAITING:
        clock->waiting_since_us = least(clock->waiting_since_us, at_us);
        break;
    case PHASE_ACTIVE:
        clock->active_since_us = least(clock->active_since_us, at_us);
        break;
    case PHASE_FINAL:
        clock->final_at_us = at_us; /* they come in order: the last one is the greatest */
        break;
    }
    if (projection_compare(event, &clock->greatest) > 0)
        clock->greatest = *event;
    clock->last_at_us = at_us;
    clock->last_status = event->status;
    clock->attempt.events++;
}

/* `next_us`: when the next attempt began, or NEVER. */
static void finish(struct timeline_clock *clock, int64_t next_us, int64_t now_us)
{
    struct timeline_attempt *attempt = &clock->attempt;
    bool backs_off = clock->final_at_us == PROJECTION_NEVER && clock->last_status == STATUS_RETRY;
    int64_t end_us = clock->final_at_us;

    attempt->status = clock->greatest.status;
    if (backs_off)
        attempt->has_backoff = span(clock->last_at_us, next_us, &attempt->backoff_us);
    if (end_us == PROJECTION_NEVER)
        end_us = attempt->has_backoff ? clock->last_at_us : next_us;
    attempt->ended_at_us = end_us;

    int64_t until_us = end_us == PROJECTION_NEVER ? now_us : end_us;
    attempt->has_active = span(clock->active_since_us, until_us, &attempt->active_us);
    attempt->has_waiting = span(clock->waiting_since_us, least(clock->active_since_us, until_us), &attempt->waiting_us);
    clock->tell(clock->self, attempt);
}

void timeline_clock_next(struct timeline_clock *clock, const struct event *event)
{
    const struct projection next = order_of(event);

    if (clock->any && next.attempt != clock->attempt.attempt) {
        finish(clock, next.occurred_at_us, PROJECTION_NEVER);
        clock->any = false;
    }
    if (!clock->any)
        begin(clock, &next);
    take(clock, &next);
}

void timeline_clock_end(struct timeline_clock *clock, int64_t now_us)
{
    if (clock->any)
        finish(clock, PROJECTION_NEVER, now_us);
    clock->any = false;
}
