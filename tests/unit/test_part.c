#include "replay/verify/part.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_part_is_told_by_its_number_and_their_count(void **state)
{
    (void)state;
    struct error error = {.kind = ERROR_NONE};
    struct part part;

    assert_true(part_parse("3/7", &part, &error));
    assert_int_equal(part.number, 3);
    assert_int_equal(part.count, 7);
    assert_false(part_is_all(&part));
    assert_int_equal(postgres_read_int64(part.parameters[0].value), 3);
    assert_int_equal(postgres_read_int64(part.parameters[1].value), 7);
    assert_true(part_parse(NULL, &part, &error));
    assert_true(part_is_all(&part));
    assert_true(part_parse("10000/10000", &part, &error));
}

static void what_is_no_part_is_refused(void **state)
{
    static const char *const wrong[] = {"",     "1",     "/7",      "1/",   "0/7",
                                        "8/7",  "1/0",   "1/7 ",    " 1/7", "+1/7",
                                        "1//7", "1/7/2", "1/10001", "-1/7", "1/99999999999999999999"};
    struct error error;
    struct part part;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(part_parse(wrong[i], &part, &error));
        assert_string_equal(error.reason, "usage");
    }
}

static void each_producer_is_in_one_part(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        struct uuid producer = {.bytes = {[12] = (uint8_t)(i * 37), [14] = (uint8_t)i, [15] = (uint8_t)(i >> 8)}};
        unsigned in = 0;

        for (uint64_t number = 1; number <= 7; number++) {
            struct part part;

            part_set(&part, number, 7);
            in += part_has(&part, &producer);
        }
        assert_int_equal(in, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_is_told_by_its_number_and_their_count),
        cmocka_unit_test(what_is_no_part_is_refused),
        cmocka_unit_test(each_producer_is_in_one_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
