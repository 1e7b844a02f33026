/* One reader of the feed: what it is told, in which order, and when it is told to begin anew. */
#include "replay/web/feed/feed_client.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct stream_id nowhere[2] = {{.ms = 0}, {.ms = 0}};

struct scene {
    struct feed_ring ring;
    struct feed_client client;
    struct feed_moment moment;
    char said[65536];
};

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    const struct feed_ring_options options = {.bytes = 4096, .records = 4, .shards = 2, .start = nowhere};

    assert_non_null(scene);
    assert_true(feed_ring_init(&scene->ring, &options));
    scene->moment =
        (struct feed_moment){.monotonic_us = 1000, .unix_us = 0, .lag_s = (double)NAN, .epoch = "0123456789abcdef"};
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    feed_client_close(&scene->client);
    feed_ring_close(&scene->ring);
    free(scene);
    return 0;
}

static void add(struct scene *scene, unsigned shard, uint64_t ms, const char *task_id)
{
    char block[64];

    snprintf(block, sizeof block, "<%s %u %llu>", task_id, shard, (unsigned long long)ms);
    assert_true(
        feed_ring_add(&scene->ring, &(struct feed_record){
                                        .shard = shard,
                                        .id = {.ms = ms},
                                        .subject = {.status = STATUS_RUNNING, .task_id = slice_from_text(task_id)},
                                        .block = slice_from_text(block),
                                        .has_id = true,
                                    }));
}

static void begin(struct scene *scene, const struct stream_id *start)
{
    assert_true(feed_client_begin(&scene->client, &scene->ring, start, &scene->moment));
}

/* All that it has to be told, a few bytes at a time. */
static const char *hear(struct scene *scene, size_t size)
{
    size_t length = 0;
    size_t read;

    do {
        read = feed_client_read(&scene->client, &scene->ring, &scene->moment, (uint8_t *)scene->said + length, size);
        length += read;
        assert_true(length + size < sizeof scene->said);
    } while (read > 0);
    scene->said[length] = '\0';
    return scene->said;
}

static void select_task(struct scene *scene, const char *task_id)
{
    struct error error;

    assert_true(feed_filter_add(&scene->client.filter, slice_from_text("task"), slice_from_text(task_id), &error));
}

static void hello_comes_first_and_tells_the_place(void **state)
{
    struct scene *scene = *state;

    add(scene, 1, 9, "a");
    begin(scene, NULL);
    assert_string_equal(hear(scene, 7), "retry: 2000\n\nevent: hello\ndata: {\"now\":\"1970-01-01T00:00:00.000000Z\","
                                        "\"epoch\":\"0123456789abcdef\",\"resumed\":false,\"version\":"
                                        "\"" TASKLEDGER_VERSION "\"}\nid: 0123456789abcdef.0-0,9-0\n\n");
    assert_false(feed_client_has_news(&scene->client, &scene->ring, scene->moment.monotonic_us));
    assert_null(scene->client.outbox.text);
}

static void what_comes_is_told_whole_however_small_the_buffer(void **state)
{
    struct scene *scene = *state;

    begin(scene, NULL);
    hear(scene, 4096);
    for (size_t size = 1; size < 20; size++) {
        add(scene, 0, size * 10, "a");
        add(scene, 1, size * 10, "b");
        assert_true(feed_client_has_news(&scene->client, &scene->ring, scene->moment.monotonic_us));
        hear(scene, size);
        char expected[64];
        snprintf(expected, sizeof expected, "<a 0 %zu><b 1 %zu>", size * 10, size * 10);
        assert_string_equal(scene->said, expected);
    }
}

static void what_is_not_wanted_is_passed_over_but_the_place_is_told_with_the_beat(void **state)
{
    struct scene *scene = *state;

    select_task(scene, "a");
    begin(scene, NULL);
    hear(scene, 4096);
    add(scene, 0, 5, "b");
    assert_false(feed_client_has_news(&scene->client, &scene->ring, scene->moment.monotonic_us));
    assert_string_equal(hear(scene, 4096), "");

    scene->moment.monotonic_us += INT64_C(1000) * FEED_CLIENT_BEAT_MS;
    assert_true(feed_client_has_news(&scene->client, &scene->ring, scene->moment.monotonic_us));
    assert_string_equal(hear(scene, 4096),
                        "event: at\ndata: {\"now\":\"1970-01-01T00:00:00.000000Z\"}\nid: 0123456789abcdef.5-0,0-0\n\n"
                        "event: beat\ndata: {\"now\":\"1970-01-01T00:00:00.000000Z\",\"lag_s\":null}\n\n");
    scene->moment.monotonic_us += INT64_C(1000) * FEED_CLIENT_BEAT_MS;
    assert_string_equal(hear(scene, 4096),
                        "event: beat\ndata: {\"now\":\"1970-01-01T00:00:00.000000Z\",\"lag_s\":null}\n\n");
}

static void one_who_is_too_slow_is_told_and_ended(void **state)
{
    struct scene *scene = *state;

    begin(scene, NULL);
    hear(scene, 4096);
    for (uint64_t ms = 1; ms <= 5; ms++)
        add(scene, 0, ms, "a");
    assert_true(feed_client_has_news(&scene->client, &scene->ring, scene->moment.monotonic_us));
    hear(scene, 16);
    assert_non_null(strstr(scene->said, "event: reset\ndata: {\"reason\":\"slow\","));
    assert_null(strstr(scene->said, "id:"));
    assert_true(feed_client_is_over(&scene->client));
}

static void one_who_is_cut_off_amid_a_block_gets_the_rest_of_it_first(void **state)
{
    struct scene *scene = *state;

    begin(scene, NULL);
    hear(scene, 4096);
    add(scene, 0, 1, "a");
    assert_int_equal(feed_client_read(&scene->client, &scene->ring, &scene->moment, (uint8_t *)scene->said, 3), 3);
    for (uint64_t ms = 2; ms <= 9; ms++)
        add(scene, 0, ms, "a");
    hear(scene, 4096);
    assert_memory_equal(scene->said, "0 1>event: reset\n", 17);
}

static void one_who_comes_back_soon_goes_on_in_the_ring(void **state)
{
    struct scene *scene = *state;

    add(scene, 0, 1, "a");
    add(scene, 1, 1, "b");
    add(scene, 0, 2, "c");
    add(scene, 1, 2, "d");
    begin(scene, (struct stream_id[]){{.ms = 2}, {.ms = 1}});
    assert_int_equal(scene->client.state, FEED_CLIENT_LIVE);
    hear(scene, 4096);
    assert_non_null(strstr(scene->said, "\"resumed\":true"));
    assert_non_null(strstr(scene->said, "id: 0123456789abcdef.2-0,1-0\n\n<d 1 2>\nid: 0123456789abcdef.2-0,2-0\n\n"));
    assert_null(strstr(scene->said, "<c"));
    assert_null(scene->client.places);
}

static void one_who_is_ahead_is_looked_at_and_then_told_nothing_twice(void **state)
{
    struct scene *scene = *state;

    begin(scene, (struct stream_id[]){{.ms = 5}, {.ms = 0}});
    assert_int_equal(scene->client.state, FEED_CLIENT_CATCHING_UP);
    assert_true(feed_client_join(&scene->client, &scene->ring));
    hear(scene, 4096);
    add(scene, 0, 4, "a");
    add(scene, 1, 4, "b");
    assert_string_equal(hear(scene, 4096), "<b 1 4>\nid: 0123456789abcdef.5-0,4-0\n\n");
    add(scene, 0, 5, "a");
    add(scene, 0, 6, "a");
    assert_string_equal(hear(scene, 4096), "<a 0 6>\nid: 0123456789abcdef.6-0,4-0\n\n");
    assert_null(scene->client.places);
    add(scene, 0, 7, "a");
    assert_string_equal(hear(scene, 4096), "<a 0 7>");
}

static void the_place_of_one_who_is_ahead_does_not_go_back(void **state)
{
    struct scene *scene = *state;

    select_task(scene, "b");
    begin(scene, (struct stream_id[]){{.ms = 50}, {.ms = 0}});
    assert_true(feed_client_join(&scene->client, &scene->ring));
    hear(scene, 4096);
    add(scene, 1, 3, "not wanted");
    add(scene, 1, 4, "b");
    assert_string_equal(hear(scene, 9), "<b 1 4>\nid: 0123456789abcdef.50-0,4-0\n\n");
    add(scene, 1, 5, "not wanted");
    hear(scene, 4096);
    add(scene, 0, 51, "b");
    assert_string_equal(hear(scene, 9), "<b 0 51>\nid: 0123456789abcdef.51-0,5-0\n\n");
}

static void what_was_missed_comes_before_what_comes(void **state)
{
    struct scene *scene = *state;
    struct feed_past *past = calloc(1, sizeof *past);
    struct task_status task = {.task_id = slice_from_text("missed"), .status = STATUS_RUNNING};

    assert_non_null(past);
    for (uint64_t ms = 1; ms <= 6; ms++)
        add(scene, 0, ms, "a");
    begin(scene, (struct stream_id[]){{.ms = 1}, {.ms = 0}});
    assert_int_equal(scene->client.state, FEED_CLIENT_CATCHING_UP);
    assert_true(feed_client_wants(&scene->client));

    past->events[0] =
        (struct feed_past_event){.id = {.ms = 2}, .event = {.body = EVENT_TASK_STATUS, .task_status = task}};
    past->count = 1;
    past->place = (struct stream_id){.ms = 2};
    feed_client_give(&scene->client, 0, past, scene->moment.epoch, 2);
    assert_true(feed_client_join(&scene->client, &scene->ring));
    hear(scene, 100);
    const char *missed = strstr(scene->said, "event: task\ndata: {\"task_id\":\"missed\"");
    assert_non_null(missed);
    assert_non_null(strstr(missed, "id: 0123456789abcdef.2-0,0-0\n\n<a 0 3>\nid: 0123456789abcdef.3-0,0-0\n\n<a 0 4>"));
    assert_non_null(strstr(missed, "<a 0 6>\nid: 0123456789abcdef.6-0,0-0\n\n"));
    free(past);
}

static void one_who_catches_up_is_not_given_more_than_it_takes(void **state)
{
    struct scene *scene = *state;
    struct feed_past *past = calloc(1, sizeof *past);
    struct task_status task = {.task_id = slice_from_text("missed"), .status = STATUS_RUNNING};
    int pages = 0;

    assert_non_null(past);
    for (uint64_t ms = 1; ms <= 6; ms++)
        add(scene, 0, ms, "a");
    begin(scene, nowhere);
    past->count = FEED_PAST_PAGE;
    for (size_t i = 0; i < past->count; i++)
        past->events[i] = (struct feed_past_event){.event = {.body = EVENT_TASK_STATUS, .task_status = task}};
    for (; feed_client_wants(&scene->client); pages++)
        feed_client_give(&scene->client, 0, past, scene->moment.epoch, 2);
    assert_in_range(pages, 1, 3);
    assert_true(feed_client_read(&scene->client, &scene->ring, &scene->moment, (uint8_t *)scene->said, 60000) == 60000);
    free(past);
}

static void fill(struct scene *scene, struct feed_past *past)
{
    struct task_status task = {.task_id = slice_from_text("missed"), .status = STATUS_RUNNING};

    past->count = FEED_PAST_PAGE;
    for (size_t i = 0; i < past->count; i++)
        past->events[i] = (struct feed_past_event){.event = {.body = EVENT_TASK_STATUS, .task_status = task}};
    while (feed_client_wants(&scene->client))
        feed_client_give(&scene->client, 0, past, scene->moment.epoch, 2);
}

static void one_who_catches_up_and_takes_too_little_dawdles(void **state)
{
    struct scene *scene = *state;
    struct feed_past *past = calloc(1, sizeof *past);
    const int64_t page_us = INT64_C(1000) * FEED_CLIENT_TAKE_MS;
    int64_t due_us = scene->moment.monotonic_us + page_us;

    assert_non_null(past);
    for (uint64_t ms = 1; ms <= 6; ms++)
        add(scene, 0, ms, "a");
    begin(scene, nowhere);
    fill(scene, past);
    assert_false(feed_client_dawdles(&scene->client, due_us - 1));
    assert_true(feed_client_dawdles(&scene->client, due_us));

    while (!feed_client_wants(&scene->client))
        feed_client_read(&scene->client, &scene->ring, &scene->moment, (uint8_t *)scene->said, 60000);
    assert_false(feed_client_dawdles(&scene->client, due_us));
    fill(scene, past);
    assert_false(feed_client_dawdles(&scene->client, due_us + page_us - 1));
    assert_true(feed_client_dawdles(&scene->client, due_us + page_us));
    free(past);
}

static void one_who_catches_up_for_ever_dawdles(void **state)
{
    struct scene *scene = *state;
    int64_t due_us = scene->moment.monotonic_us + INT64_C(1000) * FEED_CLIENT_CATCH_UP_MS;

    for (uint64_t ms = 1; ms <= 6; ms++)
        add(scene, 0, ms, "a");
    begin(scene, nowhere);
    assert_false(feed_client_dawdles(&scene->client, due_us - 1));
    assert_true(feed_client_dawdles(&scene->client, due_us));
    feed_client_reset(&scene->client, FEED_RESET_FAR);
    assert_false(feed_client_dawdles(&scene->client, due_us));
}

static void what_one_who_has_ended_does_not_take_is_thrown_away(void **state)
{
    struct scene *scene = *state;
    int64_t now_us = scene->moment.monotonic_us;

    begin(scene, NULL);
    feed_client_expire(&scene->client, now_us);
    feed_client_reset(&scene->client, FEED_RESET_SLOW);
    feed_client_expire(&scene->client, now_us);
    feed_client_expire(&scene->client, now_us + INT64_C(1000) * FEED_CLIENT_END_MS - 1);
    assert_false(feed_client_is_over(&scene->client));
    feed_client_expire(&scene->client, now_us + INT64_C(1000) * FEED_CLIENT_END_MS);
    assert_true(feed_client_is_over(&scene->client));
    assert_null(scene->client.outbox.text);
    assert_string_equal(hear(scene, 100), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hello_comes_first_and_tells_the_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_comes_is_told_whole_however_small_the_buffer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_wanted_is_passed_over_but_the_place_is_told_with_the_beat, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_who_is_too_slow_is_told_and_ended, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_who_is_cut_off_amid_a_block_gets_the_rest_of_it_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_who_comes_back_soon_goes_on_in_the_ring, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_who_is_ahead_is_looked_at_and_then_told_nothing_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_place_of_one_who_is_ahead_does_not_go_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_missed_comes_before_what_comes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_who_catches_up_is_not_given_more_than_it_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_who_catches_up_and_takes_too_little_dawdles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_who_catches_up_for_ever_dawdles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_one_who_has_ended_does_not_take_is_thrown_away, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
