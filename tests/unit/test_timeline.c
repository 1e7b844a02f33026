/* timeline: which events moved a task, and how long it waited and worked. */
#include "replay/history/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct event event_of(enum status status, uint32_t attempt, int64_t at_us)
{
    static uint64_t sequence;

    return (struct event){.producer_id = {.bytes = {1}},
                          .sequence = ++sequence,
                          .occurred_at_us = at_us,
                          .body = EVENT_TASK_STATUS,
                          .task_status = {.status = status, .attempt = attempt}};
}

static enum timeline_mark mark(struct timeline_marker *marker, enum status status, uint32_t attempt, int64_t at_us)
{
    const struct event event = event_of(status, attempt, at_us);

    return timeline_marker_next(marker, &event);
}

/* ---- marks ------------------------------------------------------------------------------------------------------ */

static void events_in_order_move_the_state(void **state)
{
    struct timeline_marker marker = {.any = false};

    (void)state;
    assert_int_equal(mark(&marker, STATUS_QUEUED, 1, 10), TIMELINE_MOVED);
    assert_int_equal(mark(&marker, STATUS_RUNNING, 1, 20), TIMELINE_MOVED);
    assert_int_equal(mark(&marker, STATUS_FAILURE, 1, 30), TIMELINE_MOVED);
    assert_int_equal(mark(&marker, STATUS_RUNNING, 2, 40), TIMELINE_MOVED);
}

static void an_older_attempt_is_superseded_whatever_it_says(void **state)
{
    struct timeline_marker marker = {.any = false};

    (void)state;
    mark(&marker, STATUS_RUNNING, 2, 10);
    assert_int_equal(mark(&marker, STATUS_RUNNING, 1, 20), TIMELINE_SUPERSEDED);
    assert_int_equal(mark(&marker, STATUS_SUCCESS, 0, 30), TIMELINE_SUPERSEDED);
}

static void a_lesser_event_of_the_same_attempt_is_late(void **state)
{
    struct timeline_marker marker = {.any = false};

    (void)state;
    mark(&marker, STATUS_RUNNING, 1, 20);
    assert_int_equal(mark(&marker, STATUS_QUEUED, 1, 30), TIMELINE_LATE); /* of an earlier phase */
    assert_int_equal(mark(&marker, STATUS_RUNNING, 1, 10), TIMELINE_LATE);
    mark(&marker, STATUS_SUCCESS, 1, 40);
    assert_int_equal(mark(&marker, STATUS_RUNNING, 1, 50), TIMELINE_LATE);
}

static void a_final_status_after_a_final_one_is_a_second_end_whoever_wins(void **state)
{
    struct timeline_marker marker = {.any = false};

    (void)state;
    mark(&marker, STATUS_SUCCESS, 1, 20);
    assert_int_equal(mark(&marker, STATUS_FAILURE, 1, 30), TIMELINE_SECOND_END);
    assert_int_equal(mark(&marker, STATUS_CANCELLED, 1, 10), TIMELINE_SECOND_END);
    assert_int_equal(mark(&marker, STATUS_RUNNING, 2, 5), TIMELINE_MOVED);
}

/* ---- durations -------------------------------------------------------------------------------------------------- */

enum { ATTEMPTS_MAX = 4, NOW = 1000 };

struct life {
    struct timeline_attempt attempts[ATTEMPTS_MAX];
    size_t count;
};

static void keep(void *self, const struct timeline_attempt *attempt)
{
    struct life *life = self;

    assert_true(life->count < ATTEMPTS_MAX);
    life->attempts[life->count++] = *attempt;
}

struct moment {
    enum status status;
    uint32_t attempt;
    int64_t at_us;
};

static struct life live(const struct moment *moments, size_t count)
{
    struct life life = {.count = 0};
    struct timeline_clock clock = {.tell = keep, .self = &life};

    for (size_t i = 0; i < count; i++) {
        const struct event event = event_of(moments[i].status, moments[i].attempt, moments[i].at_us);
        timeline_clock_next(&clock, &event);
    }
    timeline_clock_end(&clock, NOW);
    return life;
}

#define LIVE(...) \
    live((const struct moment[]){__VA_ARGS__}, sizeof((const struct moment[]){__VA_ARGS__}) / sizeof(struct moment))

static void a_life_is_divided_into_waiting_and_active(void **state)
{
    struct life life = LIVE({STATUS_PENDING, 1, 10}, {STATUS_QUEUED, 1, 12}, {STATUS_RUNNING, 1, 20},
                            {STATUS_RUNNING, 1, 25}, {STATUS_SUCCESS, 1, 50});
    const struct timeline_attempt *attempt = &life.attempts[0];

    (void)state;
    assert_int_equal(life.count, 1);
    assert_true(attempt->has_waiting && attempt->has_active && !attempt->has_backoff);
    assert_int_equal(attempt->waiting_us, 10);
    assert_int_equal(attempt->active_us, 30);
    assert_int_equal(attempt->began_at_us, 10);
    assert_int_equal(attempt->ended_at_us, 50);
    assert_int_equal(attempt->events, 5);
    assert_int_equal(attempt->status, STATUS_SUCCESS);
}

static void what_goes_on_is_counted_until_now(void **state)
{
    struct life running = LIVE({STATUS_QUEUED, 1, 100}, {STATUS_RUNNING, 1, 300});
    struct life waiting = LIVE({STATUS_QUEUED, 1, 100});

    (void)state;
    assert_int_equal(running.attempts[0].active_us, NOW - 300);
    assert_int_equal(running.attempts[0].ended_at_us, PROJECTION_NEVER);
    assert_int_equal(waiting.attempts[0].waiting_us, NOW - 100);
    assert_false(waiting.attempts[0].has_active);
}

static void between_a_retry_and_the_next_attempt_it_backs_off(void **state)
{
    struct life life =
        LIVE({STATUS_RUNNING, 1, 10}, {STATUS_RETRY, 1, 40}, {STATUS_RUNNING, 2, 100}, {STATUS_FAILURE, 2, 130});

    (void)state;
    assert_int_equal(life.count, 2);
    assert_int_equal(life.attempts[0].active_us, 30);
    assert_true(life.attempts[0].has_backoff);
    assert_int_equal(life.attempts[0].backoff_us, 60);
    assert_int_equal(life.attempts[0].status, STATUS_RETRY);
    assert_int_equal(life.attempts[1].active_us, 30);
}

static void an_attempt_that_ended_does_not_back_off(void **state)
{
    struct life life =
        LIVE({STATUS_RUNNING, 1, 10}, {STATUS_FAILURE, 1, 40}, {STATUS_RETRY, 1, 50}, {STATUS_RUNNING, 2, 100});

    (void)state;
    assert_false(life.attempts[0].has_backoff);
    assert_int_equal(life.attempts[0].active_us, 30);
    assert_int_equal(life.attempts[0].ended_at_us, 40);
}

static void an_attempt_without_an_end_lasts_until_the_next_one(void **state)
{
    struct life life = LIVE({STATUS_RUNNING, 1, 10}, {STATUS_QUEUED, 3, 70}, {STATUS_CANCELLED, 3, 90});

    (void)state;
    assert_int_equal(life.attempts[0].active_us, 60);
    assert_int_equal(life.attempts[0].ended_at_us, 70);
    assert_int_equal(life.attempts[1].attempt, 3);
    assert_int_equal(life.attempts[1].waiting_us, 20);
    assert_false(life.attempts[1].has_active);
}

static void clocks_that_disagree_make_no_negative_time(void **state)
{
    struct life life = LIVE({STATUS_SUCCESS, 1, 10}, {STATUS_RUNNING, 1, 20}, {STATUS_QUEUED, 1, 30});

    (void)state;
    assert_int_equal(life.attempts[0].active_us, 0);
    assert_int_equal(life.attempts[0].waiting_us, 0);
    assert_int_equal(life.attempts[0].status, STATUS_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_in_order_move_the_state),
        cmocka_unit_test(an_older_attempt_is_superseded_whatever_it_says),
        cmocka_unit_test(a_lesser_event_of_the_same_attempt_is_late),
        cmocka_unit_test(a_final_status_after_a_final_one_is_a_second_end_whoever_wins),
        cmocka_unit_test(a_life_is_divided_into_waiting_and_active),
        cmocka_unit_test(what_goes_on_is_counted_until_now),
        cmocka_unit_test(between_a_retry_and_the_next_attempt_it_backs_off),
        cmocka_unit_test(an_attempt_that_ended_does_not_back_off),
        cmocka_unit_test(an_attempt_without_an_end_lasts_until_the_next_one),
        cmocka_unit_test(clocks_that_disagree_make_no_negative_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
