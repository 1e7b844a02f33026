#include "proto/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool parse(const char *text, struct stream_id *id)
{
    return stream_id_parse(slice_from_text(text), id);
}

static void one_shard_has_the_plain_key(void **state)
{
    char key[STREAM_KEY_BYTES_MAX];

    (void)state;
    stream_key("taskledger:events", 1, 0, key);
    assert_string_equal(key, "taskledger:events");
}

static void several_shards_have_a_hash_tag_each(void **state)
{
    char key[STREAM_KEY_BYTES_MAX];

    (void)state;
    stream_key("taskledger:events", 4, 3, key);
    assert_string_equal(key, "taskledger:events:{3}");
}

static void the_longest_name_leaves_room_for_the_greatest_shard(void **state)
{
    char name[STREAM_NAME_BYTES_MAX + 1];
    char key[STREAM_KEY_BYTES_MAX];

    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    stream_key(name, STREAM_SHARDS_MAX, STREAM_SHARDS_MAX - 1, key);
    assert_string_equal(key + STREAM_NAME_BYTES_MAX, ":{1023}");
}

/* Any language can produce: these are the numbers another one must find. */
static void a_task_is_on_the_shard_that_its_checksum_gives(void **state)
{
    (void)state;
    assert_int_equal(stream_shard(slice_from_text("123456789"), 1), 0);
    assert_int_equal(stream_shard(slice_from_text("123456789"), 4), 0xe3069283u % 4);
    assert_int_equal(stream_shard(slice_from_text("123456789"), 1000), 0xe3069283u % 1000);
}

static void an_id_survives_writing_and_reading(void **state)
{
    const struct stream_id ids[] = {{0, 0}, {1, 2}, {1700000000000, 7}, {UINT64_MAX, UINT64_MAX}};

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char text[STREAM_ID_BYTES_MAX];
        struct stream_id id = {9, 9};

        stream_id_format(ids[i], text);
        assert_true(parse(text, &id));
        assert_int_equal(stream_id_compare(id, ids[i]), 0);
    }
}

static void the_greatest_id_is_read(void **state)
{
    struct stream_id id;

    (void)state;
    assert_true(parse("18446744073709551615-18446744073709551615", &id));
    assert_true(id.ms == UINT64_MAX && id.sequence == UINT64_MAX);
}

static void anything_else_is_no_id_and_leaves_it_alone(void **state)
{
    const char *wrong[] = {"",
                           "-",
                           "1",
                           "1-",
                           "-1",
                           "1--1",
                           "+1-1",
                           "1-+1",
                           " 1-1",
                           "1-1 ",
                           "1 -1",
                           "1-1-1",
                           "0x1-1",
                           "18446744073709551616-0",
                           "0-18446744073709551616",
                           "99999999999999999999999-0",
                           "*",
                           "a-b"};

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct stream_id id = {3, 4};

        assert_false(parse(wrong[i], &id));
        assert_true(id.ms == 3 && id.sequence == 4);
    }
    assert_false(stream_id_parse(slice_of("1-1\0", 4), &(struct stream_id){0}));
}

static void ids_are_ordered_by_time_then_sequence(void **state)
{
    (void)state;
    assert_true(stream_id_compare((struct stream_id){1, 9}, (struct stream_id){2, 0}) < 0);
    assert_true(stream_id_compare((struct stream_id){2, 0}, (struct stream_id){1, 9}) > 0);
    assert_true(stream_id_compare((struct stream_id){2, 1}, (struct stream_id){2, 2}) < 0);
    assert_true(stream_id_compare((struct stream_id){2, 2}, (struct stream_id){2, 1}) > 0);
    assert_int_equal(stream_id_compare((struct stream_id){2, 2}, (struct stream_id){2, 2}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_shard_has_the_plain_key),
        cmocka_unit_test(several_shards_have_a_hash_tag_each),
        cmocka_unit_test(the_longest_name_leaves_room_for_the_greatest_shard),
        cmocka_unit_test(a_task_is_on_the_shard_that_its_checksum_gives),
        cmocka_unit_test(an_id_survives_writing_and_reading),
        cmocka_unit_test(the_greatest_id_is_read),
        cmocka_unit_test(anything_else_is_no_id_and_leaves_it_alone),
        cmocka_unit_test(ids_are_ordered_by_time_then_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
