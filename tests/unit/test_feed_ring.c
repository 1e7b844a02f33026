/* The latest events: bounded in bytes and in number, and a place is held or it is not. */
#include "replay/web/feed/feed_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static const struct stream_id nowhere[2] = {{.ms = 0}, {.ms = 0}};

static void set_up_ring(struct feed_ring *ring, size_t bytes, size_t records)
{
    const struct feed_ring_options options = {.bytes = bytes, .records = records, .shards = 2, .start = nowhere};

    assert_true(feed_ring_init(ring, &options));
}

static struct stream_id id(uint64_t ms)
{
    return (struct stream_id){.ms = ms};
}

static bool add_block(struct feed_ring *ring, unsigned shard, uint64_t ms, struct slice block)
{
    return feed_ring_add(ring, &(struct feed_record){
                                   .shard = shard,
                                   .id = id(ms),
                                   .subject = {.status = STATUS_RUNNING,
                                               .task_id = slice_from_text("task"),
                                               .task_name = slice_from_text("name")},
                                   .block = block,
                                   .has_id = ms % 2 == 0,
                               });
}

static void add(struct feed_ring *ring, unsigned shard, uint64_t ms)
{
    char block[32];

    snprintf(block, sizeof block, "block %u %llu", shard, (unsigned long long)ms);
    assert_true(add_block(ring, shard, ms, slice_from_text(block)));
}

static void expect(const struct feed_ring *ring, uint64_t place, unsigned shard, uint64_t ms)
{
    struct feed_record record;
    char block[32];

    snprintf(block, sizeof block, "block %u %llu", shard, (unsigned long long)ms);
    assert_true(feed_ring_holds(ring, place));
    assert_true(feed_ring_at(ring, place, &record));
    assert_true(slice_equal(record.block, slice_from_text(block)));
    assert_true(slice_equal(record.subject.task_id, slice_from_text("task")));
    assert_true(slice_equal(record.subject.task_name, slice_from_text("name")));
    assert_int_equal(record.subject.status, STATUS_RUNNING);
    assert_int_equal(record.shard, shard);
    assert_int_equal(record.id.ms, ms);
    assert_int_equal(record.has_id, ms % 2 == 0);
}

static void what_was_added_is_there(void **state)
{
    struct feed_ring ring;
    struct feed_record record;

    (void)state;
    set_up_ring(&ring, 1024, 8);
    assert_false(feed_ring_at(&ring, 0, &record));
    add(&ring, 0, 5);
    add(&ring, 1, 4);
    expect(&ring, 0, 0, 5);
    expect(&ring, 1, 1, 4);
    assert_false(feed_ring_at(&ring, 2, &record));
    assert_false(feed_ring_holds(&ring, 3));
    feed_ring_close(&ring);
}

static void the_oldest_go_when_there_are_too_many(void **state)
{
    struct feed_ring ring;

    (void)state;
    set_up_ring(&ring, 1024, 3);
    for (uint64_t ms = 1; ms <= 5; ms++)
        add(&ring, 0, ms);
    assert_false(feed_ring_holds(&ring, 1));
    expect(&ring, 2, 0, 3);
    expect(&ring, 4, 0, 5);
    assert_int_equal(ring.base[0].ms, 2);
    assert_int_equal(ring.now[0].ms, 5);
    feed_ring_close(&ring);
}

/* Every capacity has another place where the memory's end is met. */
static void the_oldest_go_when_bytes_run_out(void **state)
{
    (void)state;
    for (size_t bytes = 40; bytes < 200; bytes++) {
        struct feed_ring ring;

        set_up_ring(&ring, bytes, 1000);
        for (uint64_t ms = 1; ms <= 300; ms++) {
            add(&ring, 0, ms * (ms % 3 == 0 ? 1 : 100000) + ring.now[0].ms);
            for (uint64_t place = ring.first; place < ring.next; place++) {
                struct feed_record record;
                char block[32];

                assert_true(feed_ring_at(&ring, place, &record));
                snprintf(block, sizeof block, "block 0 %llu", (unsigned long long)record.id.ms);
                assert_true(slice_equal(record.block, slice_from_text(block)));
                assert_true(slice_equal(record.subject.task_name, slice_from_text("name")));
            }
        }
        assert_int_equal(ring.next, 300);
        assert_true(ring.next - ring.first >= bytes / 32 - 1);
        feed_ring_close(&ring);
    }
}

static void nobody_passes_over_what_does_not_fit(void **state)
{
    static const uint8_t large[65];
    struct feed_ring ring;

    (void)state;
    set_up_ring(&ring, 64, 8);
    add(&ring, 0, 1);
    assert_false(add_block(&ring, 0, 2, slice_of(large, sizeof large)));
    assert_false(feed_ring_holds(&ring, 0));
    assert_false(feed_ring_holds(&ring, 1));
    assert_true(feed_ring_holds(&ring, 2));
    add(&ring, 0, 3);
    expect(&ring, 2, 0, 3);
    assert_int_equal(ring.base[0].ms, 2);
    feed_ring_close(&ring);
}

static void who_comes_back_joins_where_he_was(void **state)
{
    struct feed_ring ring;
    uint64_t place = 99;

    (void)state;
    set_up_ring(&ring, 1024, 4);
    for (uint64_t ms = 1; ms <= 3; ms++) {
        add(&ring, 0, ms);
        add(&ring, 1, ms);
    }
    assert_int_equal(ring.base[0].ms, 1);
    assert_int_equal(ring.base[1].ms, 1);
    assert_false(feed_ring_join(&ring, (struct stream_id[]){id(0), id(3)}, &place));
    assert_false(feed_ring_join(&ring, (struct stream_id[]){id(3), id(0)}, &place));
    assert_int_equal(place, 99);
    assert_true(feed_ring_join(&ring, (struct stream_id[]){id(1), id(1)}, &place));
    assert_int_equal(place, 2);
    assert_true(feed_ring_join(&ring, (struct stream_id[]){id(3), id(1)}, &place));
    assert_int_equal(place, 3);
    assert_true(feed_ring_join(&ring, (struct stream_id[]){id(3), id(3)}, &place));
    assert_int_equal(place, 6);
    assert_true(feed_ring_join(&ring, (struct stream_id[]){id(9), id(9)}, &place));
    assert_int_equal(place, 6);
    feed_ring_close(&ring);
}

static void what_is_not_told_moves_on_all_the_same(void **state)
{
    struct feed_ring ring;

    (void)state;
    set_up_ring(&ring, 1024, 4);
    feed_ring_pass(&ring, 1, id(7));
    assert_int_equal(ring.now[1].ms, 7);
    assert_int_equal(ring.base[1].ms, 0);
    assert_int_equal(ring.next, 0);
    feed_ring_close(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_there),           cmocka_unit_test(the_oldest_go_when_there_are_too_many),
        cmocka_unit_test(the_oldest_go_when_bytes_run_out),  cmocka_unit_test(nobody_passes_over_what_does_not_fit),
        cmocka_unit_test(who_comes_back_joins_where_he_was), cmocka_unit_test(what_is_not_told_moves_on_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
