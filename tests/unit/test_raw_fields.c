/* raw_fields: every field of any bytes, and no more than the bytes have. */
#include "replay/history/raw_fields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(struct slice payload, bool is_json, const char *text)
{
    struct arena arena = {.limit_bytes = 0};
    struct slice fields = raw_fields(payload, is_json, &arena);

    assert_int_equal(fields.size, strlen(text));
    assert_memory_equal(fields.data, text, fields.size);
    arena_close(&arena);
}

#define BYTES(text) slice_of(text, sizeof(text) - 1)

static void known_fields_have_their_names(void **state)
{
    (void)state;
    expect(BYTES("\x10\x07\x52\x05\x0a\x01t\x10\x03"), false,
           "2      sequence         7\n10.1   task_id          t\n10.2   status           3 RUNNING\n");
    expect(BYTES("\x52\x03\x0a\x01t"), true,
           "[{\"field\":\"10.1\",\"name\":\"task_id\",\"wire\":\"bytes\",\"value\":\"t\"}]");
}

static void unknown_ones_have_their_numbers(void **state)
{
    (void)state;
    expect(BYTES("\x98\x06\x05\xa2\x06\x01\xff"), false, "99     ?                5\n100    ?                ff\n");
}

static void a_known_number_of_another_wire_type_is_shown_as_it_is(void **state)
{
    (void)state;
    expect(BYTES("\x12\x01x"), false, "2      sequence         78\n");            /* a number as bytes */
    expect(BYTES("\x50\x05"), false, "10     task_status      5\n");              /* a message as a number */
    expect(BYTES("\x52\x03\x0a\x01\xff"), false, "10.1   task_id          ff\n"); /* a text that is none */
}

static void a_line_feed_in_a_value_begins_no_line(void **state)
{
    (void)state;
    expect(BYTES("\x52\x05\x0a\x03"
                 "a\nb"),
           false, "10.1   task_id          a\\nb\n");
}

static void bytes_that_are_no_protobuf_end_the_walk(void **state)
{
    (void)state;
    expect(BYTES("\x10\x07\xff"), false, "2      sequence         7\n1 bytes that are no protobuf\n");
    expect(BYTES("\x12\x7f"), false, "2 bytes that are no protobuf\n");     /* longer than there is */
    expect(BYTES("\x13\x14"), false, "2 bytes that are no protobuf\n");     /* a group */
    expect(BYTES("\x00\x00"), false, "2 bytes that are no protobuf\n");     /* number 0 */
    expect(BYTES("\x11\x01\x02"), false, "3 bytes that are no protobuf\n"); /* half of eight bytes */
    expect(BYTES("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), false,
           "12 bytes that are no protobuf\n"); /* a number without end */
    expect(BYTES(""), true, "[]");
}

static void every_cut_of_an_event_is_told(void **state)
{
    static const char event[] =
        "\x0a\x02id\x10\x07\x52\x10\x0a\x01t\x10\x03\x39\x00\x00\x00\x00\x00\x00\xe0\x3f\x4a\x00";
    struct arena arena = {.limit_bytes = 0};

    (void)state;
    for (size_t size = 0; size < sizeof event; size++) {
        uint8_t exact[sizeof event]; /* so that a sanitizer sees whoever reads on */
        memcpy(exact + sizeof exact - size, event, size);
        assert_non_null(raw_fields(slice_of(exact + sizeof exact - size, size), true, &arena).data);
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_fields_have_their_names),
        cmocka_unit_test(unknown_ones_have_their_numbers),
        cmocka_unit_test(a_known_number_of_another_wire_type_is_shown_as_it_is),
        cmocka_unit_test(a_line_feed_in_a_value_begins_no_line),
        cmocka_unit_test(bytes_that_are_no_protobuf_end_the_walk),
        cmocka_unit_test(every_cut_of_an_event_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
