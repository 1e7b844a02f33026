/* letters: base64 as RFC 4648 has it, and nothing looser. */
#include "replay/transfer/letters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Section 10 of the RFC. */
static const char *const vectors[][2] = {{"", ""},
                                         {"f", "Zg=="},
                                         {"fo", "Zm8="},
                                         {"foo", "Zm9v"},
                                         {"foob", "Zm9vYg=="},
                                         {"fooba", "Zm9vYmE="},
                                         {"foobar", "Zm9vYmFy"}};

static void the_vectors_of_the_rfc_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct arena arena = {.limit_bytes = 0};
        struct slice text, bytes;

        assert_true(letters_to_base64(slice_from_text(vectors[i][0]), &arena, &text));
        assert_true(slice_equal(text, slice_from_text(vectors[i][1])));
        assert_true(letters_from_base64(text, &arena, &bytes));
        assert_true(bytes.data != NULL && slice_equal(bytes, slice_from_text(vectors[i][0])));
        arena_close(&arena);
    }
}

static void all_bytes_come_back(void **state)
{
    struct arena arena = {.limit_bytes = 0};
    uint8_t all[256];
    struct slice text, bytes;

    (void)state;
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    assert_true(letters_to_base64(slice_of(all, sizeof all), &arena, &text));
    assert_true(letters_from_base64(text, &arena, &bytes) && slice_equal(bytes, slice_of(all, sizeof all)));
    assert_true(letters_to_hex(slice_of(all, sizeof all), &arena, &text));
    assert_true(letters_from_hex(text, &arena, &bytes) && slice_equal(bytes, slice_of(all, sizeof all)));
    arena_close(&arena);
}

static void what_is_none_is_refused(void **state)
{
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Zg==Zg==", "Z=g=", "Zm9v=", "Zm 9", "Zm-_", "=Zm8", "Zm9v\n"};
    static const char *const bad_hex[] = {"0", "0g", "AB", " 0"};
    struct arena arena = {.limit_bytes = 0};
    struct slice bytes;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(letters_from_base64(slice_from_text(bad[i]), &arena, &bytes));
    for (size_t i = 0; i < sizeof bad_hex / sizeof *bad_hex; i++)
        assert_false(letters_from_hex(slice_from_text(bad_hex[i]), &arena, &bytes));
    assert_false(letters_from_hex(slice_of("0\0", 2), &arena, &bytes));
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_hold),
        cmocka_unit_test(all_bytes_come_back),
        cmocka_unit_test(what_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
