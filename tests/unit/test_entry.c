/* entry: the two shapes in which entries come back, and all those in which they must not. */
#include "proto/entry.h"

#include "proto/event.h"
#include "proto/redis_parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CAPACITY = 4 };

static const char *const keys[] = {"s:{0}", "s:{1}", "s:{2}"};

struct fixture {
    struct arena arena;
    struct entry entries[CAPACITY];
    struct entry_reader reader;
    struct redis_parser *parser;
};

static void open_fixture(struct fixture *fixture, enum entry_shape shape)
{
    arena_init(&fixture->arena, 0);
    fixture->reader = (struct entry_reader){
        .shape = shape,
        .arena = &fixture->arena,
        .entries = fixture->entries,
        .capacity = CAPACITY,
        .keys = keys,
        .shards = 3,
        .shard = shape == ENTRY_SHAPE_RANGE ? 2 : 0,
    };
    fixture->parser = redis_parser_new(4 * EVENT_BYTES_MAX, "");
}

static void close_fixture(struct fixture *fixture)
{
    redis_parser_free(fixture->parser);
    arena_close(&fixture->arena);
}

static bool feed(struct fixture *fixture, struct slice bytes, bool *complete, struct error *error)
{
    struct redis_visitor visitor = entry_visitor(&fixture->reader);

    do {
        if (!redis_parser_step(fixture->parser, &visitor, &bytes, complete, error))
            return false;
    } while (bytes.size > 0 && !*complete);
    return true;
}

/* The whole answer; a failing one must fail as a protocol error. */
static bool reads(struct fixture *fixture, enum entry_shape shape, const char *answer)
{
    struct error error = {.kind = ERROR_NONE};
    bool complete = false;

    open_fixture(fixture, shape);
    bool good = feed(fixture, slice_from_text(answer), &complete, &error);
    if (good)
        assert_true(complete);
    else
        assert_string_equal(error.reason, "protocol");
    return good;
}

static void assert_entry(const struct entry *entry, const char *id, enum entry_state state, const char *payload)
{
    char text[STREAM_ID_BYTES_MAX];

    stream_id_format(entry->id, text);
    assert_string_equal(text, id);
    assert_int_equal(entry->state, state);
    assert_int_equal(entry->payload.size, strlen(payload));
    assert_int_equal(entry->payload_bytes, strlen(payload));
    if (*payload != '\0')
        assert_memory_equal(entry->payload.data, payload, entry->payload.size);
}

#define ID(digit)     "$3\r\n1-" digit "\r\n"
#define EVENT(letter) "*2\r\n$5\r\nevent\r\n$1\r\n" letter "\r\n"
#define KEY(digit)    "$5\r\ns:{" digit "}\r\n"

static void a_range_is_entries_of_the_given_shard(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_true(reads(&fixture, ENTRY_SHAPE_RANGE, "*2\r\n*2\r\n" ID("1") EVENT("a") "*2\r\n" ID("2") EVENT("b")));
    assert_int_equal(fixture.reader.count, 2);
    assert_int_equal(fixture.reader.delivered, 2);
    assert_int_equal(fixture.reader.bytes, 2);
    assert_entry(&fixture.entries[0], "1-1", ENTRY_WHOLE, "a");
    assert_entry(&fixture.entries[1], "1-2", ENTRY_WHOLE, "b");
    assert_int_equal(fixture.entries[0].shard, 2);
    close_fixture(&fixture);
}

static void a_group_read_is_entries_of_several_shards(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_true(reads(&fixture, ENTRY_SHAPE_GROUP,
                      "*2\r\n*2\r\n" KEY("2") "*1\r\n*2\r\n" ID("1") EVENT("a") /* */
                      "*2\r\n" KEY("1") "*2\r\n*2\r\n" ID("2") EVENT("b") "*2\r\n" ID("3") EVENT("c")));
    assert_int_equal(fixture.reader.count, 3);
    assert_int_equal(fixture.entries[0].shard, 2);
    assert_int_equal(fixture.entries[1].shard, 1);
    assert_int_equal(fixture.entries[2].shard, 1);
    assert_entry(&fixture.entries[2], "1-3", ENTRY_WHOLE, "c");
    close_fixture(&fixture);
}

static void nothing_is_no_entries(void **state)
{
    const char *groups[] = {"*-1\r\n", "$-1\r\n", "*0\r\n", "*1\r\n*2\r\n" KEY("0") "*0\r\n"};
    const char *ranges[] = {"*-1\r\n", "*0\r\n"};
    struct fixture fixture;

    (void)state;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        assert_true(reads(&fixture, ENTRY_SHAPE_GROUP, groups[i]));
        assert_int_equal(fixture.reader.count, 0);
        close_fixture(&fixture);
    }
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        assert_true(reads(&fixture, ENTRY_SHAPE_RANGE, ranges[i]));
        assert_int_equal(fixture.reader.count, 0);
        close_fixture(&fixture);
    }
}

static void a_pending_entry_that_was_deleted_has_no_fields(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_true(reads(&fixture, ENTRY_SHAPE_GROUP,
                      "*1\r\n*2\r\n" KEY("0") "*2\r\n*2\r\n" ID("1") "*-1\r\n*2\r\n" ID("2") EVENT("b")));
    assert_int_equal(fixture.reader.count, 2);
    assert_entry(&fixture.entries[0], "1-1", ENTRY_DELETED, "");
    assert_entry(&fixture.entries[1], "1-2", ENTRY_WHOLE, "b");
    close_fixture(&fixture);

    /* XCLAIM of Redis 6.2 */
    assert_true(reads(&fixture, ENTRY_SHAPE_RANGE, "*2\r\n*-1\r\n*2\r\n" ID("2") EVENT("b")));
    assert_int_equal(fixture.reader.count, 1);
    close_fixture(&fixture);
}

static void an_entry_without_exactly_our_field_is_malformed(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_true(
        reads(&fixture, ENTRY_SHAPE_RANGE,
              "*4\r\n*2\r\n" ID(
                  "1") "*2\r\n$5\r\nevenT\r\n$1\r\na\r\n" /* another name */
                       "*2\r\n" ID("2") "*4\r\n$5\r\nevent\r\n$1\r\nb\r\n$1\r\nx\r\n$1\r\ny\r\n"
                                        "*2\r\n" ID("3") "*0\r\n"                                    /* no field */
                                                         "*2\r\n" ID("4") "*1\r\n$5\r\nevent\r\n")); /* no value */
    assert_int_equal(fixture.reader.count, 4);
    assert_entry(&fixture.entries[0], "1-1", ENTRY_MALFORMED, "a");
    assert_entry(&fixture.entries[1], "1-2", ENTRY_MALFORMED, "b");
    assert_entry(&fixture.entries[2], "1-3", ENTRY_MALFORMED, "");
    assert_entry(&fixture.entries[3], "1-4", ENTRY_MALFORMED, "");
    close_fixture(&fixture);
}

static void an_empty_payload_is_whole(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_true(reads(&fixture, ENTRY_SHAPE_RANGE, "*1\r\n*2\r\n" ID("1") "*2\r\n$5\r\nevent\r\n$0\r\n\r\n"));
    assert_entry(&fixture.entries[0], "1-1", ENTRY_WHOLE, "");
    close_fixture(&fixture);
}

static void shapes_that_redis_never_sends_are_protocol_errors(void **state)
{
    const char *ranges[] = {
        "+OK\r\n",
        ":1\r\n",
        "$1\r\nx\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n$3\r\n1-1\r\n",
        "*1\r\n*0\r\n",
        "*1\r\n*1\r\n" ID("1"),
        "*1\r\n*3\r\n" ID("1") EVENT("a") ":1\r\n",
        "*1\r\n*2\r\n:1\r\n" EVENT("a"),
        "*1\r\n*2\r\n$-1\r\n" EVENT("a"),
        "*2\r\n*2\r\n" ID("1") EVENT("a") "*2\r\n-ERR\r\n" EVENT("b"),
        "*1\r\n*2\r\n" ID("1") "*2\r\n$5\r\nevent\r\n-ERR\r\n",
        "*1\r\n*2\r\n" EVENT("a") ID("1"),
        "*1\r\n*2\r\n$2\r\n1-\r\n" EVENT("a"),
        "*1\r\n*2\r\n$1\r\n1\r\n" EVENT("a"),
        "*1\r\n*2\r\n$22\r\n18446744073709551616-0\r\n" EVENT("a"),
        "*1\r\n*2\r\n$0\r\n\r\n" EVENT("a"),
        "*1\r\n*2\r\n" ID("1") ":1\r\n",
        "*1\r\n*2\r\n" ID("1") "$5\r\nevent\r\n",
        "*1\r\n*2\r\n" ID("1") "*2\r\n:1\r\n$1\r\na\r\n",
        "*1\r\n*2\r\n" ID("1") "*2\r\n$5\r\nevent\r\n$-1\r\n",
        "*1\r\n*2\r\n" ID("1") "*2\r\n$5\r\nevent\r\n*1\r\n:1\r\n",
        "*1\r\n*2\r\n" ID("1") "*2\r\n$5\r\nevent\r\n*0\r\n",
    };
    const char *groups[] = {
        "*1\r\n:1\r\n",
        "*1\r\n*-1\r\n",
        "*1\r\n*1\r\n" KEY("0"),
        "*1\r\n*2\r\n$1\r\nx\r\n*0\r\n",
        "*1\r\n*2\r\n:1\r\n*0\r\n",
        "*1\r\n*2\r\n*0\r\n*0\r\n",
        "*1\r\n*2\r\n" KEY("0") ":1\r\n",
        "*1\r\n*2\r\n" KEY("0") "*-1\r\n",
        "*1\r\n*2\r\n" KEY("0") KEY("1"),
        "*1\r\n*2\r\n" KEY("0") "*1\r\n*2\r\n$1\r\nx\r\n" EVENT("a"),
    };
    struct fixture fixture;

    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (reads(&fixture, ENTRY_SHAPE_RANGE, ranges[i]))
            fail_msg("accepted: %s", ranges[i]);
        close_fixture(&fixture);
    }
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (reads(&fixture, ENTRY_SHAPE_GROUP, groups[i]))
            fail_msg("accepted: %s", groups[i]);
        close_fixture(&fixture);
    }
}

static void more_entries_than_room_are_counted_and_told(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_true(reads(&fixture, ENTRY_SHAPE_RANGE,
                      "*5\r\n*2\r\n" ID("1") EVENT("a") "*2\r\n" ID("2") EVENT("b") "*2\r\n" ID("3") EVENT("c") /* */
                      "*2\r\n" ID("4") EVENT("d") "*2\r\n" ID("5") EVENT("e")));
    assert_true(fixture.reader.overflow);
    assert_int_equal(fixture.reader.count, CAPACITY);
    assert_int_equal(fixture.reader.delivered, 5);
    assert_int_equal(fixture.reader.bytes, CAPACITY);
    close_fixture(&fixture);
}

/* One byte more than an event may have is kept, so that the decoder sees it is too long; its true size is told. */
static void an_oversized_payload_is_cut_behind_its_bound(void **state)
{
    static char answer[3 * EVENT_BYTES_MAX];
    struct fixture fixture;
    size_t bytes = 2 * EVENT_BYTES_MAX;

    (void)state;
    int used = snprintf(answer, sizeof answer, "*1\r\n*2\r\n" ID("1") "*2\r\n$5\r\nevent\r\n$%zu\r\n", bytes);
    memset(answer + used, 'x', bytes);
    memcpy(answer + used + bytes, "\r\n", 3);
    assert_true(reads(&fixture, ENTRY_SHAPE_RANGE, answer));
    assert_int_equal(fixture.entries[0].payload.size, EVENT_BYTES_MAX + 1);
    assert_int_equal(fixture.entries[0].payload_bytes, bytes);
    close_fixture(&fixture);
}

/* The owner empties entries and arena between two parts, wherever the border falls. */
static void entries_survive_a_reset_between_parts(void **state)
{
    const char *answer =
        "*3\r\n*2\r\n" ID("1") EVENT("a") "*2\r\n" ID("2") "*4\r\n$1\r\np\r\n$1\r\nb\r\n$1\r\nx\r\n$1\r\ny\r\n"
                                                           "*2\r\n" ID("3") EVENT("c");

    (void)state;
    for (size_t border = 1; border < strlen(answer); border++) {
        struct fixture fixture;
        struct error error;
        char seen[8] = "";
        bool complete;

        open_fixture(&fixture, ENTRY_SHAPE_RANGE);
        for (size_t part = 0; part < 2; part++) {
            struct slice bytes = part == 0 ? slice_of(answer, border) : slice_from_text(answer + border);

            assert_true(feed(&fixture, bytes, &complete, &error));
            for (size_t i = 0; i < fixture.reader.count; i++)
                strncat(seen, (const char *)fixture.entries[i].payload.data, 1);
            fixture.reader.count = 0;
            arena_reset(&fixture.arena, 0);
        }
        assert_true(complete);
        assert_string_equal(seen, "abc");
        close_fixture(&fixture);
    }
}

static void a_full_arena_is_told_as_such(void **state)
{
    struct fixture fixture;
    struct error error;
    bool complete;

    (void)state;
    open_fixture(&fixture, ENTRY_SHAPE_RANGE);
    fixture.arena.limit_bytes = 1;
    assert_false(feed(&fixture, slice_from_text("*1\r\n*2\r\n" ID("1") EVENT("a")), &complete, &error));
    assert_string_equal(error.reason, "memory");
    close_fixture(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_is_entries_of_the_given_shard),
        cmocka_unit_test(a_group_read_is_entries_of_several_shards),
        cmocka_unit_test(nothing_is_no_entries),
        cmocka_unit_test(a_pending_entry_that_was_deleted_has_no_fields),
        cmocka_unit_test(an_entry_without_exactly_our_field_is_malformed),
        cmocka_unit_test(an_empty_payload_is_whole),
        cmocka_unit_test(shapes_that_redis_never_sends_are_protocol_errors),
        cmocka_unit_test(more_entries_than_room_are_counted_and_told),
        cmocka_unit_test(an_oversized_payload_is_cut_behind_its_bound),
        cmocka_unit_test(entries_survive_a_reset_between_parts),
        cmocka_unit_test(a_full_arena_is_told_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
