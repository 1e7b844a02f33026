/* bulk: long strings are cut as they arrive, wherever the borders of chunks fall. */
#include "proto/bulk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { LIMIT = 8, OUTPUT_MAX = 8192, SIZES_MAX = 64 };

/* What came out of an answer: the bytes, and the true sizes of the long strings in order. */
struct passed {
    char bytes[OUTPUT_MAX];
    size_t size;
    size_t sizes[SIZES_MAX];
    size_t count;
    bool good;
};

static void collect(struct passed *passed, struct slice part)
{
    assert_true(part.size <= sizeof passed->bytes - passed->size);
    if (part.size > 0)
        memcpy(passed->bytes + passed->size, part.data, part.size);
    passed->size += part.size;
}

/* Gives one chunk to the filter until it is used up. */
static bool pass_chunk(struct bulk *bulk, struct slice chunk, struct passed *passed)
{
    while (chunk.size > 0) {
        struct bulk_passed parts;

        if (!bulk_pass(bulk, &chunk, &parts))
            return false;
        collect(passed, parts.number);
        collect(passed, parts.rest);
        if (bulk->state == BULK_TYPE && bulk->string_bytes != 0) {
            passed->sizes[passed->count++] = bulk->string_bytes;
            bulk->string_bytes = 0;
        }
    }
    return true;
}

/* The answer in chunks of `first`, then `rest` bytes. */
static struct passed pass(const char *answer, size_t first, size_t rest)
{
    struct slice left = slice_from_text(answer);
    struct passed passed = {.good = true};
    struct bulk bulk;

    bulk_init(&bulk, LIMIT);
    for (size_t size = first; left.size > 0 && passed.good; size = rest) {
        struct slice chunk = slice_of(left.data, size < left.size ? size : left.size);

        passed.good = pass_chunk(&bulk, chunk, &passed);
        left = slice_of(left.data + chunk.size, left.size - chunk.size);
    }
    return passed;
}

static void assert_becomes(const char *answer, const char *expected)
{
    struct passed passed = pass(answer, SIZE_MAX, SIZE_MAX);

    assert_true(passed.good);
    assert_int_equal(passed.size, strlen(expected));
    assert_memory_equal(passed.bytes, expected, passed.size);
}

static void assert_violates(const char *answer)
{
    size_t size = strlen(answer);

    for (size_t chunk = 1; chunk <= size; chunk++)
        if (pass(answer, chunk, chunk).good)
            fail_msg("accepted in chunks of %zu: %s", chunk, answer);
}

static void what_is_short_passes_as_it_is(void **state)
{
    const char *answers[] = {
        "+OK\r\n",
        "-ERR what\r\n",
        ":-12\r\n",
        ":9223372036854775807\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "*0\r\n",
        "$0\r\n\r\n",
        "$7\r\n1234567\r\n",
        "$8\r\n12345678\r\n",
        "$6\r\n\r\n$9\r\n\r\n",
        "*2\r\n$1\r\na\r\n*1\r\n:5\r\n",
        "+lone \r and \n in it\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        assert_becomes(answers[i], answers[i]);
}

static void a_longer_string_is_cut_and_its_size_told(void **state)
{
    struct passed passed = pass("$9\r\n123456789\r\n", SIZE_MAX, SIZE_MAX);

    (void)state;
    assert_becomes("$9\r\n123456789\r\n", "$8\r\n12345678\r\n");
    assert_int_equal(passed.count, 1);
    assert_int_equal(passed.sizes[0], 9);
}

static void every_long_string_has_its_own_size(void **state)
{
    struct passed passed =
        pass("*4\r\n$10\r\n1234567890\r\n$8\r\n12345678\r\n$3\r\nabc\r\n$9\r\n123456789\r\n", SIZE_MAX, 1);

    (void)state;
    assert_int_equal(passed.count, 3);
    assert_int_equal(passed.sizes[0], 10);
    assert_int_equal(passed.sizes[1], 8);
    assert_int_equal(passed.sizes[2], 9);
}

/* The heart of it: chunks are an accident of the network. */
static void every_split_gives_the_same_result(void **state)
{
    const char *answer = "*5\r\n$21\r\n$9\r\n123\r\n4567890+-:*$\r\n+OK\r\n$-1\r\n:-7\r\n"
                         "*2\r\n$8\r\n\r\n\r\n\r\n\r\n\r\n$12\r\n*3\r\n$4\r\nabcd\r\n-ERR \r x\r\n";
    struct passed whole = pass(answer, SIZE_MAX, SIZE_MAX);

    (void)state;
    assert_true(whole.good);
    for (size_t first = 1; first <= strlen(answer); first++) {
        for (size_t rest = 1; rest <= strlen(answer); rest++) {
            struct passed split = pass(answer, first, rest);

            assert_true(split.good);
            assert_int_equal(split.size, whole.size);
            assert_memory_equal(split.bytes, whole.bytes, whole.size);
            assert_int_equal(split.count, whole.count);
            assert_memory_equal(split.sizes, whole.sizes, sizeof whole.sizes);
        }
    }
}

static void a_string_of_any_size_takes_no_room(void **state)
{
    static uint8_t zeros[1024 * 1024];
    struct slice input = slice_from_text("$536870912\r\n");
    struct bulk bulk;
    struct passed passed = {.size = 0};

    (void)state;
    bulk_init(&bulk, LIMIT);
    assert_true(pass_chunk(&bulk, input, &passed));
    for (unsigned i = 0; i < 512; i++)
        assert_true(pass_chunk(&bulk, slice_of(zeros, sizeof zeros), &passed));
    assert_int_equal(passed.size, strlen("$8\r\n") + LIMIT);
    assert_int_equal(bulk.string_bytes, 536870912);
}

static void what_breaks_the_framing_is_a_violation(void **state)
{
    const char *answers[] = {
        "x",
        "\r\n",
        "_\r\n",
        ",1.5\r\n",
        "#t\r\n",
        "%1\r\n",
        "~1\r\n",
        ">1\r\n",
        "\x15\x03\x01",
        "HTTP/1.1 400 Bad Request\r\n",
        "$\r\n",
        "$-\r\n",
        "$-2\r\n",
        "$1a\r\n",
        "$ 1\r\n",
        "$+1\r\n",
        "$1\n",
        "*-2\r\n",
        "*1048577\r\n",
        ":\r\n",
        ":1.5\r\n",
        ":9223372036854775808\r\n",
        ":-9223372036854775809\r\n",
        "$99999999999999999999\r\n",
        "$1073741825\r\n",
        "$000000000000000000000000000000001\r\n",
        "$1\r\nab\r\n",
        "$1\r\na\rb",
        "$1\r\na\n",
        "$9\r\n1234567890\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        assert_violates(answers[i]);
}

static void a_line_without_an_end_is_a_violation(void **state)
{
    static char line[BULK_LINE_MAX + 3];
    struct slice input = slice_of(line, sizeof line);
    struct bulk_passed passed;
    struct bulk bulk;

    (void)state;
    memset(line, 'x', sizeof line);
    line[0] = '+';
    bulk_init(&bulk, LIMIT);
    assert_false(bulk_pass(&bulk, &input, &passed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_short_passes_as_it_is),
        cmocka_unit_test(a_longer_string_is_cut_and_its_size_told),
        cmocka_unit_test(every_long_string_has_its_own_size),
        cmocka_unit_test(every_split_gives_the_same_result),
        cmocka_unit_test(a_string_of_any_size_takes_no_room),
        cmocka_unit_test(what_breaks_the_framing_is_a_violation),
        cmocka_unit_test(a_line_without_an_end_is_a_violation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
