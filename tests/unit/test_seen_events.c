/* seen_events: each event is new once. */
#include "replay/history/seen_events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool is_new(struct seen_events *seen, uint8_t producer, uint64_t sequence)
{
    const struct uuid producer_id = {.bytes = {[0] = producer}};
    struct error error;
    bool answer = false;

    assert_true(seen_events_note(seen, &producer_id, sequence, &answer, &error));
    return answer;
}

static void an_event_is_new_once(void **state)
{
    struct seen_events seen = {.count = 0};

    (void)state;
    for (int round = 0; round < 2; round++)
        for (uint64_t sequence = 1; sequence <= 3000; sequence++)
            for (uint8_t producer = 1; producer <= 3; producer++)
                assert_int_equal(is_new(&seen, producer, sequence), round == 0);
    assert_int_equal(seen.count, 9000);
    seen_events_close(&seen);
    assert_int_equal(seen.count, 0);
}

static void there_is_an_end(void **state)
{
    struct seen_events seen = {.count = 0};
    const struct uuid producer_id = {.bytes = {0}};
    struct error error;
    bool answer;

    (void)state;
    for (uint64_t sequence = 1; sequence <= SEEN_EVENTS_MAX; sequence++)
        assert_true(seen_events_note(&seen, &producer_id, sequence, &answer, &error));
    assert_false(seen_events_note(&seen, &producer_id, SEEN_EVENTS_MAX + 1, &answer, &error));
    assert_true(seen_events_note(&seen, &producer_id, 1, &answer, &error));
    assert_false(answer);
    seen_events_close(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_new_once),
        cmocka_unit_test(there_is_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
