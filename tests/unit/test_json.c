/* json: an object that jsonb will store passes; anything else is refused where it goes wrong.
 *
 * tests/system/test_json_agrees_with_postgres.py holds more texts against PostgreSQL itself. */
#include "proto/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Texts in a table may hold NUL. */
#define TEXT(literal)                                   \
    {                                                   \
        (const uint8_t *)(literal), sizeof(literal) - 1 \
    }

/* A copy as long as the text, so that the sanitizer sees the first byte read behind it. */
static const char *check(struct slice text, unsigned depth_max, size_t *offset)
{
    uint8_t *copy = test_malloc(text.size + 1);

    memcpy(copy + 1, text.data, text.size);
    const char *wrong = json_check_object(slice_of(copy + 1, text.size), depth_max, offset);
    test_free(copy);
    return wrong;
}

static void assert_sound(struct slice text)
{
    size_t offset = 4711;
    const char *wrong = check(text, JSON_DEPTH_MAX, &offset);

    if (wrong != NULL)
        fail_msg("%.*s: %s at byte %zu", SLICE_PRINT(text), wrong, offset);
    assert_int_equal(offset, 4711);
}

static void assert_wrong(struct slice text, const char *expected, size_t expected_offset)
{
    size_t offset = 4711;
    const char *wrong = check(text, JSON_DEPTH_MAX, &offset);

    if (wrong == NULL)
        fail_msg("%.*s passes", SLICE_PRINT(text));
    else if (strcmp(wrong, expected) != 0 || offset != expected_offset)
        fail_msg("%.*s: %s at byte %zu", SLICE_PRINT(text), wrong, offset);
}

static void sound_objects_pass(void **state)
{
    static const struct slice sound[] = {
        TEXT("{}"),
        TEXT(" \t\r\n{ \t\r\n} \t\r\n"),
        TEXT("{\"\":\"\"}"),
        TEXT("{\"a\":1,\"a\":2}"),
        TEXT("{ \"a\" : [ ] , \"b\" : { } , \"c\" : [ { } , [ ] , [ [ 1 ] ] ] }"),
        TEXT("{\"a\":true,\"b\":false,\"c\":null}"),
        TEXT("{\"a\":0,\"b\":-0,\"c\":10,\"d\":-1.50,\"e\":1e5,\"f\":1E+5,\"g\":1.0e-05,\"h\":0e0}"),
        TEXT("{\"a\":123456789012345678901234567890123456789012345678901234567890}"),
        TEXT("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}"),
        TEXT("{\"\\u0061\":\"\\u0001\\u00e4\\u20AC\\ud7ff\\uE000\\uffff\"}"),
        TEXT("{\"a\":\"\\ud800\\udc00\\uDBFF\\uDFFF\\ud83d\\ude00x\"}"),
        TEXT("{\"\xc3\xa4\":\"\xe2\x82\xac \xf0\x9f\x98\x80 \x7f \xef\xbb\xbf \xe2\x80\xa8\"}"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++)
        assert_sound(sound[i]);
}

struct wrong {
    struct slice text;
    const char *what;
    size_t offset;
};

static void assert_all_wrong(const struct wrong *wrong, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_wrong(wrong[i].text, wrong[i].what, wrong[i].offset);
}

#define ASSERT_ALL_WRONG(table) assert_all_wrong(table, sizeof(table) / sizeof((table)[0]))

static void only_one_object_passes(void **state)
{
    static const struct wrong wrong[] = {
        {TEXT(""), "nothing", 0},
        {TEXT(" \n"), "something else", 2},
        {TEXT("[]"), "something else", 0},
        {TEXT("[{}]"), "something else", 0},
        {TEXT("1"), "something else", 0},
        {TEXT("\"{}\""), "something else", 0},
        {TEXT("\xef\xbb\xbf{}"), "something else", 0},
        {TEXT("\xff\xfe{\0}\0"), "something else", 0},
        {TEXT("\0{}"), "something else", 0},
        {TEXT("/* */ {}"), "something else", 0},
        {TEXT("{}{}"), "something behind the object", 2},
        {TEXT("{} {}"), "something behind the object", 3},
        {TEXT("{}}"), "something behind the object", 2},
        {TEXT("{}\0"), "something behind the object", 2},
        {TEXT("{}\x0b"), "something behind the object", 2},
    };

    (void)state;
    ASSERT_ALL_WRONG(wrong);
}

static void broken_structure_is_refused(void **state)
{
    static const struct wrong wrong[] = {
        {TEXT("{"), "something else where a name should be", 1},
        {TEXT("{,}"), "something else where a name should be", 1},
        {TEXT("{a:1}"), "something else where a name should be", 1},
        {TEXT("{'a':1}"), "something else where a name should be", 1},
        {TEXT("{1:1}"), "something else where a name should be", 1},
        {TEXT("{\"a\":1,}"), "something else where a name should be", 7},
        {TEXT("{\"a\":1,"), "something else where a name should be", 7},
        {TEXT("{\"a\"}"), "a name without a colon behind it", 4},
        {TEXT("{\"a\""), "a name without a colon behind it", 4},
        {TEXT("{\"a\" 1}"), "a name without a colon behind it", 5},
        {TEXT("{\"a\":}"), "something else where a value should be", 5},
        {TEXT("{\"a\":"), "something else where a value should be", 5},
        {TEXT("{\"a\":]}"), "something else where a value should be", 5},
        {TEXT("{\"a\":[,1]}"), "something else where a value should be", 6},
        {TEXT("{\"a\":[1,]}"), "something else where a value should be", 8},
        {TEXT("{\"a\":[}]"), "something else where a value should be", 6},
        {TEXT("{\"a\":'b'}"), "something else where a value should be", 5},
        {TEXT("{\"a\":\xc2\xa0 1}"), "something else where a value should be", 5},
        {TEXT("{\"a\":1"), "an object without , or }", 6},
        {TEXT("{\"a\":1 \"b\":2}"), "an object without , or }", 7},
        {TEXT("{\"a\":1]"), "an object without , or }", 6},
        {TEXT("{\"a\":{\"b\":1}"), "an object without , or }", 12},
        {TEXT("{\"a\":[1"), "an array without , or ]", 7},
        {TEXT("{\"a\":[1}"), "an array without , or ]", 7},
        {TEXT("{\"a\":[1 2]}"), "an array without , or ]", 8},
        {TEXT("{\"a\":[\"b\":1]}"), "an array without , or ]", 9},
    };

    (void)state;
    ASSERT_ALL_WRONG(wrong);
}

static void broken_words_are_refused(void **state)
{
    static const struct wrong wrong[] = {
        {TEXT("{\"a\":tru}"), "an unknown word", 5},
        {TEXT("{\"a\":t"), "an unknown word", 5},
        {TEXT("{\"a\":fals"), "an unknown word", 5},
        {TEXT("{\"a\":nan}"), "an unknown word", 5},
        {TEXT("{\"a\":truee}"), "an object without , or }", 9},
        {TEXT("{\"a\":null1}"), "an object without , or }", 9},
        {TEXT("{\"a\":True}"), "something else where a value should be", 5},
        {TEXT("{\"a\":NaN}"), "something else where a value should be", 5},
    };

    (void)state;
    ASSERT_ALL_WRONG(wrong);
}

static void broken_numbers_are_refused(void **state)
{
    static const struct wrong wrong[] = {
        {TEXT("{\"a\":-}"), "a number without its digits", 6},
        {TEXT("{\"a\":-"), "a number without its digits", 6},
        {TEXT("{\"a\":-a}"), "a number without its digits", 6},
        {TEXT("{\"a\":-Infinity}"), "a number without its digits", 6},
        {TEXT("{\"a\":-.5}"), "a number without its digits", 6},
        {TEXT("{\"a\":1.}"), "a number without its digits", 7},
        {TEXT("{\"a\":1."), "a number without its digits", 7},
        {TEXT("{\"a\":1e}"), "a number without its digits", 7},
        {TEXT("{\"a\":1e"), "a number without its digits", 7},
        {TEXT("{\"a\":1e+}"), "a number without its digits", 8},
        {TEXT("{\"a\":1e+-5}"), "a number without its digits", 8},
        {TEXT("{\"a\":+1}"), "something else where a value should be", 5},
        {TEXT("{\"a\":.5}"), "something else where a value should be", 5},
        {TEXT("{\"a\":01}"), "an object without , or }", 6},
        {TEXT("{\"a\":-01}"), "an object without , or }", 7},
        {TEXT("{\"a\":0x1}"), "an object without , or }", 6},
        {TEXT("{\"a\":1e5.5}"), "an object without , or }", 8},
        {TEXT("{\"a\":1.5.5}"), "an object without , or }", 8},
    };

    (void)state;
    ASSERT_ALL_WRONG(wrong);
}

static void broken_strings_are_refused(void **state)
{
    static const struct wrong wrong[] = {
        {TEXT("{\""), "a string without an end", 2},
        {TEXT("{\"a"), "a string without an end", 3},
        {TEXT("{\"a\":\"b}"), "a string without an end", 8},
        {TEXT("{\"a\":\"\n\"}"), "a control character in a string", 6},
        {TEXT("{\"a\":\"b\tc\"}"), "a control character in a string", 7},
        {TEXT("{\"a\":\"\0\"}"), "a control character in a string", 6},
        {TEXT("{\"a\":\"\x1f\"}"), "a control character in a string", 6},
        {TEXT("{\"a\":\"\\x41\"}"), "an unknown escape", 7},
        {TEXT("{\"a\":\"\\0\"}"), "an unknown escape", 7},
        {TEXT("{\"a\":\"\\'\"}"), "an unknown escape", 7},
        {TEXT("{\"a\":\"\\\n\"}"), "an unknown escape", 7},
        {TEXT("{\"a\":\"\\"), "an unknown escape", 7},
        {TEXT("{\"a\":\"\\u\"}"), "\\u without four hexadecimal digits", 8},
        {TEXT("{\"a\":\"\\u123\"}"), "\\u without four hexadecimal digits", 11},
        {TEXT("{\"a\":\"\\u12g4\"}"), "\\u without four hexadecimal digits", 10},
        {TEXT("{\"a\":\"\\u 123\"}"), "\\u without four hexadecimal digits", 8},
        {TEXT("{\"a\":\"\\u12"), "\\u without four hexadecimal digits", 10},
    };

    (void)state;
    ASSERT_ALL_WRONG(wrong);
}

static void what_jsonb_cannot_hold_is_refused(void **state)
{
    static const struct wrong wrong[] = {
        {TEXT("{\"a\":\"\\u0000\"}"), "\\u0000, which cannot be stored", 12},
        {TEXT("{\"\\u0000\":1}"), "\\u0000, which cannot be stored", 8},
        {TEXT("{\"a\":\"\\ud800\"}"), "a high surrogate without a low one", 12},
        {TEXT("{\"a\":\"\\ud800"), "a high surrogate without a low one", 12},
        {TEXT("{\"a\":\"\\ud800x\"}"), "a high surrogate without a low one", 12},
        {TEXT("{\"a\":\"\\ud800\\n\"}"), "a high surrogate without a low one", 13},
        {TEXT("{\"a\":\"\\ud800\\u0041\"}"), "a high surrogate without a low one", 18},
        {TEXT("{\"a\":\"\\ud800\\ud800\"}"), "a high surrogate without a low one", 18},
        {TEXT("{\"a\":\"\\ud800\\\\udc00\"}"), "a high surrogate without a low one", 13},
        {TEXT("{\"a\":\"\\udbff\\udbff\\udfff\"}"), "a high surrogate without a low one", 18},
        {TEXT("{\"a\":\"\\udc00\"}"), "a low surrogate without a high one", 12},
        {TEXT("{\"a\":\"\\udfff\\ud800\"}"), "a low surrogate without a high one", 12},
        {TEXT("{\"a\":\"\\ud800\\u00"), "\\u without four hexadecimal digits", 16},
    };

    (void)state;
    ASSERT_ALL_WRONG(wrong);
}

static void bytes_that_are_not_utf8_are_refused(void **state)
{
    static const struct wrong wrong[] = {
        {TEXT("{\"a\":\"\x80\"}"), "bytes that are not UTF-8", 6},
        {TEXT("{\"a\":\"b\xff\"}"), "bytes that are not UTF-8", 7},
        {TEXT("{\"a\":\"\xc3\"}"), "bytes that are not UTF-8", 6},
        {TEXT("{\"a\":\"\xc3\\n\"}"), "bytes that are not UTF-8", 6},
        {TEXT("{\"a\":\"\\n\xc3\xa4\xc3\"}"), "bytes that are not UTF-8", 10},
        {TEXT("{\"a\":\"\xc0\xaf\"}"), "bytes that are not UTF-8", 6},
        {TEXT("{\"a\":\"\xed\xa0\x80\"}"), "bytes that are not UTF-8", 6},
        {TEXT("{\"a\":\"\xf4\x90\x80\x80\"}"), "bytes that are not UTF-8", 6},
        {TEXT("{\"\xfe\":1}"), "bytes that are not UTF-8", 2},
        {TEXT("{\"a\":\"\xc3\xa4"), "a string without an end", 8},
        {TEXT("{\"a\":\xff}"), "something else where a value should be", 5},
    };

    (void)state;
    ASSERT_ALL_WRONG(wrong);
}

/* {"a":{"a": ... {} ... }} */
static struct slice nested(char *text, unsigned depth)
{
    size_t size = 0;

    for (unsigned i = 1; i < depth; i++)
        size += (size_t)sprintf(text + size, "%s", "{\"a\":");
    size += (size_t)sprintf(text + size, "{}");
    for (unsigned i = 1; i < depth; i++)
        size += (size_t)sprintf(text + size, "}");
    return slice_of(text, size);
}

static void depth_has_a_limit(void **state)
{
    char text[1024];
    size_t offset;

    (void)state;
    assert_sound(nested(text, JSON_DEPTH_MAX));
    assert_wrong(nested(text, JSON_DEPTH_MAX + 1), "nesting too deep", JSON_DEPTH_MAX * 5);
    for (unsigned depth = 1; depth < JSON_DEPTH_MAX; depth++) {
        assert_null(check(nested(text, depth), depth, &offset));
        assert_non_null(check(nested(text, depth + 1), depth, &offset));
    }
}

/* The checker remembers 64 levels in one word; the outermost is beyond it. */
static void the_deepest_level_ends_in_the_bracket_it_began_with(void **state)
{
    char text[256];
    char opening[JSON_DEPTH_MAX] = "";
    char closing[JSON_DEPTH_MAX] = "";

    memset(opening, '[', JSON_DEPTH_MAX - 1);
    memset(closing, ']', JSON_DEPTH_MAX - 1);
    int length = snprintf(text, sizeof text, "{\"a\":%s%s}", opening, closing);

    (void)state;
    assert_sound(slice_of(text, (size_t)length));
    text[length - 1] = ']';
    assert_wrong(slice_of(text, (size_t)length), "an object without , or }", (size_t)length - 1);
}

static void arrays_count_as_depth_too(void **state)
{
    struct slice sound = TEXT("{\"a\":[[{\"b\":[]}]],\"c\":[[[[]]]]}");
    size_t offset;

    (void)state;
    assert_null(check(sound, 5, &offset));
    assert_string_equal(check(sound, 4, &offset), "nesting too deep");
    assert_int_equal(offset, 12);
}

static void an_abyss_costs_no_stack(void **state)
{
    enum { ABYSS_BYTES = 4 * 1024 * 1024 };
    char *text = test_malloc(ABYSS_BYTES);
    size_t offset;

    (void)state;
    memset(text, '[', ABYSS_BYTES);
    memcpy(text, "{\"a\":", 5);
    assert_string_equal(json_check_object(slice_of(text, ABYSS_BYTES), 64, &offset), "nesting too deep");
    assert_int_equal(offset, 5 + 63);
    test_free(text);
}

/* A number of so many digits before and behind the point (0: none), and an exponent. */
static struct slice number(char *text, size_t before, size_t behind, const char *exponent)
{
    size_t size = (size_t)sprintf(text, "{\"a\":-");

    memset(text + size, '9', before);
    size += before;
    if (behind > 0)
        text[size++] = '.';
    memset(text + size, '9', behind);
    size += behind;
    size += (size_t)sprintf(text + size, "%s}", exponent);
    return slice_of(text, size);
}

static void numbers_have_limits(void **state)
{
    enum { MOST = JSON_NUMBER_DIGITS_MAX };
    char text[3 * MOST];

    (void)state;
    assert_sound(number(text, MOST, MOST, "e400"));
    assert_sound(number(text, MOST, MOST, "E-400"));
    assert_sound(number(text, 1, 0, "e+000000000000000000000000000400"));
    assert_wrong(number(text, MOST + 1, 0, ""), "a number with too many digits", 6 + MOST + 1);
    assert_wrong(number(text, 1, MOST + 1, ""), "a number with too many digits", 8 + MOST + 1);
    assert_wrong(number(text, 1, 0, "e401"), "a number with too large an exponent", 11);
    assert_wrong(number(text, 1, 0, "e-401"), "a number with too large an exponent", 12);
    assert_wrong(number(text, 1, 0, "e4294967296"), "a number with too large an exponent", 18);
    assert_wrong(number(text, 1, 0, "e18446744073709551616"), "a number with too large an exponent", 28);
}

static void every_beginning_of_a_sound_text_is_refused(void **state)
{
    static const struct slice text =
        TEXT("{\"a\":[1.5e-3,{\"b\\u00e4\":\"\\ud83d\\ude00\xc3\xa4\"},true,false,null,[],{}],\"c\":-0}");

    (void)state;
    assert_sound(text);
    for (size_t size = 0; size < text.size; size++) {
        size_t offset;

        assert_non_null(check(slice_of(text.data, size), JSON_DEPTH_MAX, &offset));
        assert_true(offset <= size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_objects_pass),
        cmocka_unit_test(only_one_object_passes),
        cmocka_unit_test(broken_structure_is_refused),
        cmocka_unit_test(broken_words_are_refused),
        cmocka_unit_test(broken_numbers_are_refused),
        cmocka_unit_test(broken_strings_are_refused),
        cmocka_unit_test(what_jsonb_cannot_hold_is_refused),
        cmocka_unit_test(bytes_that_are_not_utf8_are_refused),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(the_deepest_level_ends_in_the_bracket_it_began_with),
        cmocka_unit_test(arrays_count_as_depth_too),
        cmocka_unit_test(an_abyss_costs_no_stack),
        cmocka_unit_test(numbers_have_limits),
        cmocka_unit_test(every_beginning_of_a_sound_text_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
