/* canon: two JSON texts are the same when PostgreSQL's jsonb would keep the same of them. */
#include "replay/verify/canon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool same(const char *a, const char *b)
{
    struct arena arena = {.limit_bytes = 0};
    bool result = canon_same(slice_from_text(a), slice_from_text(b), &arena);

    arena_close(&arena);
    return result;
}

static void blanks_and_the_order_of_keys_mean_nothing(void **state)
{
    (void)state;
    assert_true(same(" { \"b\" : 1,\n\"a\":[ ] } ", "{\"a\": [], \"b\": 1}"));
    assert_false(same("{\"a\":1}", "{\"a\":2}"));
    assert_false(same("{\"a\":1}", "{\"b\":1}"));
    assert_false(same("[1,2]", "[2,1]"));
    assert_false(same("[[1],2]", "[1,[2]]"));
}

static void of_equal_keys_the_last_one_stays(void **state)
{
    (void)state;
    assert_true(same("{\"a\":1,\"a\":2,\"b\":0,\"a\":3}", "{\"a\":3,\"b\":0}"));
    assert_true(same("{\"\\u0061\":1,\"a\":2}", "{\"a\":2}"));
}

/* The short way, which most take, says no more than the long one. */
static void flat_objects_that_are_spelt_alike_are_the_same(void **state)
{
    static const char data[] = "{\"tokens\":4,\"model\":\"m-1\",\"hit\":true,\"s\":-1.50,\"none\":null}";

    (void)state;
    assert_true(same(data, "{\"s\": -1.50, \"hit\": true, \"none\": null, \"model\": \"m-1\", \"tokens\": 4}"));
    assert_false(same(data, "{\"s\": -1.50, \"hit\": true, \"none\": null, \"model\": \"m-2\", \"tokens\": 4}"));
    assert_false(same(data, "{\"s\": -1.50, \"hit\": true, \"none\": null, \"model\": \"m-1\"}"));
    assert_false(same("{\"a\":1,\"a\":2}", "{\"a\":2,\"a\":1}"));
    assert_false(same("{\"a\":1,\"\\u0061\":2}", "{\"\\u0061\":2,\"a\":1}"));
    assert_false(same("{\"a\":1}", "{\"a\":1,\"b\":1}"));
    assert_false(same("{\"a\":1,\"b\":1}", "{\"a\":1,\"a\":1}"));
    assert_false(same("{\"a\":1,\"a\":1}", "{\"a\":1,\"b\":1}"));
    assert_false(same("{\"a\":1}x", "{\"a\":1}x"));
    assert_false(same("{\"a\":1,}", "{\"a\":1,}"));
    assert_false(same("{\"a\":1", "{\"a\":1"));
    assert_false(same("{\"a\":\"\\q\"}", "{\"a\":\"\\q\"}"));
    assert_false(same("{\"a\":truer}", "{\"a\":truer}"));
    assert_false(same("{\"a\":-}", "{\"a\":-}"));
    assert_true(same("{}", "{ }"));
}

static void strings_are_what_they_spell(void **state)
{
    (void)state;
    assert_true(same("\"\\u00e9\\/\\n\\\"\\\\\"", "\"\xc3\xa9/\\u000a\\u0022\\u005c\""));
    assert_true(same("\"\\ud83d\\ude00\\u20ac\"", "\"\xf0\x9f\x98\x80\xe2\x82\xac\""));
    assert_false(same("\"a\"", "\"A\""));
    assert_false(same("\"1\"", "1"));
    assert_false(same("\"true\"", "true"));
}

static void numbers_are_what_they_count(void **state)
{
    (void)state;
    assert_true(same("1.0e2", "100"));
    assert_true(same("100", "100.000"));
    assert_true(same("-0.0", "0"));
    assert_true(same("0e5", "0"));
    assert_true(same("12e-3", "0.012"));
    assert_true(same("1E+400", "1e400"));
    assert_true(same("7e0000000000002", "700"));
    assert_false(same("1", "-1"));
    assert_false(same("10", "1"));
    assert_false(same("0.1", "0.10000000000000001"));
    assert_false(same("12345678901234567890", "12345678901234567891"));
}

static void words_are_themselves(void **state)
{
    (void)state;
    assert_true(same("[true,false,null]", "[ true , false , null ]"));
    assert_false(same("null", "false"));
}

static void nothing_is_the_same_as_nothing_only(void **state)
{
    (void)state;
    assert_true(same("", ""));
    assert_false(same("", "{}"));
    assert_false(same("{}", ""));
}

static void what_is_no_json_is_the_same_as_nothing(void **state)
{
    static const char *const texts[] = {"{",  "{\"a\"", "{\"a\":", "[1",          "[1,",      "[,]",
                                        "\"", "\"\\",   "\"\\u12", "\"\\ud800\"", "\"\\q\"",  "-",
                                        "1e", "tru",    "{} {}",   "{1:2}",       "{\"a\" 1}"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(same(texts[i], texts[i]));
}

static void depth_and_memory_have_a_bound(void **state)
{
    struct arena small = {.limit_bytes = 1};
    char deep[2 * CANON_DEPTH_MAX + 3];

    (void)state;
    memset(deep, '[', CANON_DEPTH_MAX);
    memset(deep + CANON_DEPTH_MAX, ']', CANON_DEPTH_MAX);
    deep[2 * (size_t)CANON_DEPTH_MAX] = '\0';
    assert_true(same(deep, deep));
    memset(deep, '[', CANON_DEPTH_MAX + 1);
    memset(deep + CANON_DEPTH_MAX + 1, ']', CANON_DEPTH_MAX + 1);
    deep[2 * (size_t)CANON_DEPTH_MAX + 2] = '\0';
    assert_false(same(deep, deep));
    assert_false(canon_same(slice_from_text("\"a\""), slice_from_text("\"a\""), &small));
    arena_close(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blanks_and_the_order_of_keys_mean_nothing),
        cmocka_unit_test(of_equal_keys_the_last_one_stays),
        cmocka_unit_test(flat_objects_that_are_spelt_alike_are_the_same),
        cmocka_unit_test(strings_are_what_they_spell),
        cmocka_unit_test(numbers_are_what_they_count),
        cmocka_unit_test(words_are_themselves),
        cmocka_unit_test(nothing_is_the_same_as_nothing_only),
        cmocka_unit_test(what_is_no_json_is_the_same_as_nothing),
        cmocka_unit_test(depth_and_memory_have_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
