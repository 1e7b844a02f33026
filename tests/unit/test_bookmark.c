/* bookmark: a place in a list as a text, and what is none. */
#include "replay/web/bookmark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT                  \
    {                         \
        .type = BOOKMARK_TEXT \
    }
#define TIME                  \
    {                         \
        .type = BOOKMARK_TIME \
    }
#define NUMBER                                \
    {                                         \
        BOOKMARK_BIGINT, -1, INT64_C(1) << 40 \
    }
#define SHORT                      \
    {                              \
        BOOKMARK_INTEGER, -1, 1000 \
    }

static const struct bookmark_shape by_time = {.list = 'T', .count = 2, .parts = {TIME, TEXT}};
static const struct bookmark_shape by_number = {.list = 'R', .count = 1, .parts = {NUMBER}};
static const uint8_t time_bytes[8] = {0, 2, 0xfe, 3, 4, 5, 6, 7};

static struct bookmark at(struct slice task_id)
{
    struct bookmark bookmark = {.keys = {{.size = 0}}};

    bookmark_set(&bookmark, 0, slice_of(time_bytes, sizeof time_bytes));
    bookmark_set(&bookmark, 1, task_id);
    return bookmark;
}

static bool reads(struct slice text, const struct bookmark_shape *shape)
{
    struct error error = {.kind = ERROR_NONE};
    struct bookmark bookmark;
    bool is_good = bookmark_read(text, shape, &bookmark, &error);

    assert_int_equal(error.kind, is_good ? ERROR_NONE : ERROR_REJECTED);
    if (!is_good)
        assert_string_equal(error.reason, "bad_request");
    return is_good;
}

static void expect_back(struct slice task_id, struct slice expected)
{
    const struct bookmark bookmark = at(task_id);
    char text[BOOKMARK_TEXT_BYTES_MAX];
    size_t size = bookmark_write(&bookmark, &by_time, text);
    struct bookmark back;
    struct error error;

    assert_true(bookmark_read(slice_of(text, size), &by_time, &back, &error));
    assert_true(slice_equal(bookmark_key(&back, 0), slice_of(time_bytes, sizeof time_bytes)));
    assert_true(slice_equal(bookmark_key(&back, 1), expected));
}

static void what_was_written_is_read_back(void **state)
{
    char longest[255];

    (void)state;
    memset(longest, '/', sizeof longest);
    expect_back(slice_from_text(""), slice_from_text(""));
    expect_back(slice_from_text("a/b?c=%41&\"\n</script>"), slice_from_text("a/b?c=%41&\"\n</script>"));
    expect_back(slice_of(longest, sizeof longest), slice_of(longest, sizeof longest));
}

/* Of 255 bytes at most, and no half of a character. */
static void a_text_that_is_too_long_is_cut_at_a_character(void **state)
{
    char text[257];

    (void)state;
    memset(text, 'x', 254);
    text[254] = '\xe2';
    text[255] = '\x80';
    text[256] = '\xa6';
    expect_back(slice_of(text, sizeof text), slice_of(text, 254));
}

static void it_is_of_letters_that_a_query_takes_as_they_are(void **state)
{
    const struct bookmark bookmark = at(slice_from_text("t-1"));
    char text[BOOKMARK_TEXT_BYTES_MAX + 1];

    (void)state;
    text[bookmark_write(&bookmark, &by_time, text)] = '\0';
    assert_int_equal(strspn(text, "0123456789abcdef"), strlen(text));
    assert_memory_equal(text,
                        "0154"
                        "08"
                        "0002fe0304050607"
                        "03"
                        "742d31",
                        30);
}

/* Every character is of some bit that the checksum is of. */
static void no_other_text_is_read(void **state)
{
    const struct bookmark bookmark = at(slice_from_text("t-1"));
    char text[BOOKMARK_TEXT_BYTES_MAX];
    size_t size = bookmark_write(&bookmark, &by_time, text);

    (void)state;
    for (size_t i = 0; i < size; i++) {
        char kept = text[i];
        for (const char *other = "0123456789abcdefABCDEF gG/%"; *other != '\0'; other++) {
            text[i] = *other;
            assert_int_equal(reads(slice_of(text, size), &by_time), *other == kept);
        }
        text[i] = kept;
    }
    for (size_t i = 0; i < size; i++)
        assert_false(reads(slice_of(text, i), &by_time));
    assert_true(reads(slice_of(text, size), &by_time));
}

static void a_place_in_another_list_is_none_in_this(void **state)
{
    const struct bookmark bookmark = at(slice_from_text("t-1"));
    const struct bookmark_shape other_letter = {.list = 'S', .count = 2, .parts = {TIME, TEXT}};
    const struct bookmark_shape other_size = {.list = 'T', .count = 2, .parts = {SHORT, TEXT}};
    const struct bookmark_shape fewer_keys = {.list = 'T', .count = 1, .parts = {TIME}};
    const struct bookmark_shape more_keys = {.list = 'T', .count = 3, .parts = {TIME, TEXT, TEXT}};
    char text[BOOKMARK_TEXT_BYTES_MAX];
    struct slice written = slice_of(text, bookmark_write(&bookmark, &by_time, text));

    (void)state;
    assert_true(reads(written, &by_time));
    assert_false(reads(written, &by_number));
    assert_false(reads(written, &other_letter));
    assert_false(reads(written, &other_size));
    assert_false(reads(written, &fewer_keys));
    assert_false(reads(written, &more_keys));
}

/* Written by somebody who knows how: a key is a parameter of a statement, and PostgreSQL's text is UTF-8. */
static void a_text_is_utf8(void **state)
{
    const struct bookmark bookmark = at(slice_from_text("\xc3\x28"));
    const struct bookmark longer = at(slice_from_text("\xc3\xa4"));
    char text[BOOKMARK_TEXT_BYTES_MAX];

    (void)state;
    assert_false(reads(slice_of(text, bookmark_write(&bookmark, &by_time, text)), &by_time));
    assert_true(reads(slice_of(text, bookmark_write(&longer, &by_time, text)), &by_time));
}

static bool reads_number(const struct bookmark_part part, uint64_t number, size_t size)
{
    const struct bookmark_shape shape = {.list = 'N', .count = 1, .parts = {part}};
    struct bookmark bookmark = {.keys = {{.size = size}}};
    char text[BOOKMARK_TEXT_BYTES_MAX];

    for (size_t i = 0; i < size; i++)
        bookmark.keys[0].bytes[i] = (uint8_t)(number >> 8 * (size - 1 - i));
    return reads(slice_of(text, bookmark_write(&bookmark, &shape, text)), &shape);
}

/* What PostgreSQL would refuse never gets there. */
static void a_number_and_a_time_keep_to_their_bounds(void **state)
{
    const struct bookmark_part time = TIME, number = NUMBER, little = SHORT;
    const int64_t least = INT64_C(-211813488000000000), end = INT64_C(9223371331200000000);

    (void)state;
    assert_true(reads_number(number, UINT64_MAX, 8));
    assert_false(reads_number(number, UINT64_MAX - 1, 8));
    assert_true(reads_number(number, UINT64_C(1) << 40, 8));
    assert_false(reads_number(number, (UINT64_C(1) << 40) + 1, 8));
    assert_true(reads_number(little, UINT32_MAX, 4));
    assert_false(reads_number(little, UINT32_MAX - 1, 4));
    assert_false(reads_number(little, 1001, 4));
    assert_true(reads_number(time, 0, 8));
    assert_true(reads_number(time, (uint64_t)INT64_MIN, 8));
    assert_true(reads_number(time, INT64_MAX, 8));
    assert_true(reads_number(time, (uint64_t)least, 8));
    assert_false(reads_number(time, (uint64_t)least - 1, 8));
    assert_true(reads_number(time, (uint64_t)end - 1, 8));
    assert_false(reads_number(time, (uint64_t)end, 8));
}

static void a_text_of_any_length_is_looked_at(void **state)
{
    char text[4 * BOOKMARK_TEXT_BYTES_MAX];

    (void)state;
    memset(text, '0', sizeof text);
    for (size_t size = 0; size <= sizeof text; size++)
        assert_false(reads(slice_of(text, size), &by_time));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(a_text_that_is_too_long_is_cut_at_a_character),
        cmocka_unit_test(it_is_of_letters_that_a_query_takes_as_they_are),
        cmocka_unit_test(no_other_text_is_read),
        cmocka_unit_test(a_place_in_another_list_is_none_in_this),
        cmocka_unit_test(a_text_is_utf8),
        cmocka_unit_test(a_number_and_a_time_keep_to_their_bounds),
        cmocka_unit_test(a_text_of_any_length_is_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
