/* cluster_slot: the slot that a Redis Cluster keeps a key in. The numbers are those of CLUSTER KEYSLOT. */
#include "proto/cluster_slot.h"
#include "proto/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static unsigned slot_of(const char *key)
{
    return cluster_slot(slice_from_text(key));
}

static void a_key_without_a_tag_is_hashed_whole(void **state)
{
    (void)state;
    assert_int_equal(slot_of(""), 0);
    assert_int_equal(slot_of("123456789"), 12739);
    assert_int_equal(slot_of("foo"), 12182);
    assert_int_equal(slot_of(STREAM_DEFAULT), 9368);
    assert_int_equal(slot_of(STREAM_ARCHIVED_KEY), 3304);
    assert_int_equal(slot_of(STREAM_SHARDS_KEY), 1935);
}

static void a_tag_alone_decides(void **state)
{
    (void)state;
    assert_int_equal(slot_of("{user1000}.following"), slot_of("user1000"));
    assert_int_equal(slot_of("{user1000}.followers"), 3443);
    assert_int_equal(slot_of("foo{bar}{zap}"), slot_of("bar"));
    assert_int_equal(slot_of("foo{{bar}}zap"), slot_of("{bar"));
    assert_int_equal(slot_of("}{bar}"), slot_of("bar"));
}

static void a_tag_that_is_empty_or_never_ends_is_none(void **state)
{
    (void)state;
    assert_int_not_equal(slot_of("foo{}{bar}"), slot_of("bar"));
    assert_int_not_equal(slot_of("foo{}{bar}"), slot_of(""));
    assert_int_not_equal(slot_of("foo{bar"), slot_of("bar"));
    assert_int_not_equal(slot_of("foo}bar"), slot_of("foo"));
    assert_int_not_equal(slot_of("a{"), slot_of("b{"));
}

static void the_shards_of_a_stream_have_the_slots_of_their_numbers(void **state)
{
    static const unsigned slots[] = {13907, 9842, 5649, 1584, 14039, 9974};

    (void)state;
    for (unsigned shard = 0; shard < sizeof slots / sizeof *slots; shard++) {
        char key[STREAM_KEY_BYTES_MAX];

        stream_key(STREAM_DEFAULT, 6, shard, key);
        assert_int_equal(slot_of(key), slots[shard]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_without_a_tag_is_hashed_whole),
        cmocka_unit_test(a_tag_alone_decides),
        cmocka_unit_test(a_tag_that_is_empty_or_never_ends_is_none),
        cmocka_unit_test(the_shards_of_a_stream_have_the_slots_of_their_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
