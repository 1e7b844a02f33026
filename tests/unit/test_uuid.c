/* uuid: version 7, ordered by birth, read and written in both forms. */
#include "proto/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 9562, appendix A.6: 2022-02-22 19:22:22.000 UTC. */
static const char example[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
static const int64_t example_us = INT64_C(0x017f22e279b0) * 1000;
static const uint8_t example_random[10] = {0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};

static void the_example_of_the_rfc_comes_out(void **state)
{
    char text[UUID_TEXT_BYTES];
    struct uuid uuid = uuid_v7(example_us, example_random);

    (void)state;
    uuid_format(&uuid, text);
    assert_string_equal(text, example);
    uuid = uuid_v7(example_us + 999, example_random);
    uuid_format(&uuid, text);
    assert_string_equal(text, example);
}

static void version_and_variant_are_set_whatever_the_random_bits_are(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        uint8_t random[10];

        memset(random, byte, sizeof random);
        struct uuid uuid = uuid_v7(example_us, random);
        assert_int_equal(uuid.bytes[6] >> 4, 7);
        assert_int_equal(uuid.bytes[8] >> 6, 2);
    }
}

static void the_younger_sorts_behind(void **state)
{
    static const uint8_t low[10] = {0};
    uint8_t high[10];
    struct uuid before = uuid_v7(0, low);

    (void)state;
    memset(high, 0xff, sizeof high);
    for (int64_t ms = 1; ms < INT64_C(1) << 47; ms *= 3) {
        struct uuid older = uuid_v7((ms - 1) * 1000, high);
        struct uuid younger = uuid_v7(ms * 1000, low);

        assert_true(uuid_compare(&older, &younger) < 0);
        assert_true(uuid_compare(&younger, &older) > 0);
        assert_true(uuid_compare(&before, &younger) < 0);
        before = younger;
    }
    assert_int_equal(uuid_compare(&before, &before), 0);
}

static void both_forms_are_read_back_in_either_case(void **state)
{
    static const char *const forms[] = {
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017F22E279B07CC398C4DC0C0C07398F",
    };
    struct uuid expected = uuid_v7(example_us, example_random);

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct uuid uuid;

        assert_true(uuid_parse(forms[i], &uuid));
        assert_int_equal(uuid_compare(&uuid, &expected), 0);
    }
}

static void the_form_used_in_redis_has_no_hyphens(void **state)
{
    char text[UUID_HEX_BYTES];
    struct uuid uuid = uuid_v7(example_us, example_random);

    (void)state;
    uuid_format_hex(&uuid, text);
    assert_string_equal(text, "017f22e279b07cc398c4dc0c0c07398f");
}

static void anything_else_is_refused_and_changes_nothing(void **state)
{
    static const char *const wrong[] = {
        "",
        "0",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e279b07cc398c4dc0c0c07398",
        "017f22e279b07cc398c4dc0c0c07398g",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2-79b0-7cc3-98c4dc-0c0c07398f",
        "017f22e279b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2--9b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2 79b0 7cc3 98c4 dc0c0c07398f",
        "{017f22e279b07cc398c4dc0c0c07398}",
        "0x17f22e279b07cc398c4dc0c0c07398f",
        "+17f22e279b07cc398c4dc0c0c07398f",
        "------------------------------------",
    };
    struct uuid uuid = uuid_v7(example_us, example_random);
    struct uuid before = uuid;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(uuid_parse(wrong[i], &uuid));
        assert_memory_equal(&uuid, &before, sizeof uuid);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_rfc_comes_out),
        cmocka_unit_test(version_and_variant_are_set_whatever_the_random_bits_are),
        cmocka_unit_test(the_younger_sorts_behind),
        cmocka_unit_test(both_forms_are_read_back_in_either_case),
        cmocka_unit_test(the_form_used_in_redis_has_no_hyphens),
        cmocka_unit_test(anything_else_is_refused_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
