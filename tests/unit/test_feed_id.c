/* A place in the feed as a client sends it back: one way to write it, and no other is read. */
#include "replay/web/feed/feed_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const char epoch[] = "0123456789abcdef";

static enum feed_id_verdict read_two(const char *text, struct stream_id places[2])
{
    return feed_id_parse(slice_from_text(text), epoch, places, 2);
}

static void refuse(const char *text)
{
    struct stream_id places[2] = {{.ms = 7}, {.ms = 7}};

    if (read_two(text, places) != FEED_ID_BAD)
        fail_msg("\"%s\" was taken", text);
    assert_int_equal(places[0].ms, 7);
}

static void a_place_comes_back_as_it_was_told(void **state)
{
    const struct stream_id places[] = {{.ms = 1732298400000, .sequence = 0}, {.ms = INT64_MAX, .sequence = INT64_MAX}};
    struct stream_id found[2];
    char text[256];

    (void)state;
    assert_true(sizeof text >= feed_id_bytes_max(2));
    size_t length = feed_id_format(epoch, places, 2, text);
    assert_string_equal(text, "0123456789abcdef.1732298400000-0,9223372036854775807-9223372036854775807");
    assert_int_equal(length, strlen(text));
    assert_int_equal(read_two(text, found), FEED_ID_GOOD);
    assert_memory_equal(found, places, sizeof places);
}

static void what_is_no_place_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "now",
        "0123456789abcdef",
        "0123456789abcdef.",
        "0123456789abcde.1-1,2-2",
        "0123456789ABCDEF.1-1,2-2",
        "0123456789abcdeg.1-1,2-2",
        "0123456789abcdef,1-1,2-2",
        "0123456789abcdef.1-1,2-2,",
        "0123456789abcdef.,1-1",
        "0123456789abcdef.1-1,,2-2",
        "0123456789abcdef.1-1, 2-2",
        "0123456789abcdef.1-1,2-2 ",
        "0123456789abcdef.1-1,2-",
        "0123456789abcdef.1,2",
        "0123456789abcdef.01-1,2-2",
        "0123456789abcdef.1-01,2-2",
        "0123456789abcdef.+1-1,2-2",
        "0123456789abcdef.1--1,2-2",
        "0123456789abcdef.9223372036854775808-0,2-2",
        "0123456789abcdef.1-9223372036854775808,2-2",
        "0123456789abcdef.99999999999999999999999-0,2-2",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuse(texts[i]);
    struct stream_id places[2];
    assert_int_equal(feed_id_parse(slice_of("0123456789abcdef.1-1\0,2-2", 25), epoch, places, 2), FEED_ID_BAD);
}

static void another_epoch_is_told_from_another_number_of_shards(void **state)
{
    struct stream_id places[2] = {{.ms = 7}};

    (void)state;
    assert_int_equal(read_two("0123456789abcdee.1-1,2-2", places), FEED_ID_EPOCH);
    assert_int_equal(read_two("0123456789abcdef.1-1", places), FEED_ID_SHARDS);
    assert_int_equal(read_two("0123456789abcdee.1-1,2-2,3-3", places), FEED_ID_SHARDS);
    assert_int_equal(places[0].ms, 7);
}

static void no_more_places_are_read_than_there_can_be_shards(void **state)
{
    static char text[FEED_ID_EPOCH_BYTES + 4 * (STREAM_SHARDS_MAX + 1)];
    struct stream_id places[2];
    size_t length = (size_t)snprintf(text, sizeof text, "%s.", epoch);

    (void)state;
    for (int i = 0; i < STREAM_SHARDS_MAX; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s1-1", i == 0 ? "" : ",");
    assert_int_equal(read_two(text, places), FEED_ID_SHARDS);
    snprintf(text + length, sizeof text - length, ",1-1");
    assert_int_equal(read_two(text, places), FEED_ID_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_comes_back_as_it_was_told),
        cmocka_unit_test(what_is_no_place_is_refused),
        cmocka_unit_test(another_epoch_is_told_from_another_number_of_shards),
        cmocka_unit_test(no_more_places_are_read_than_there_can_be_shards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
