/* decimal: digits and nothing else, as large as they fit. */
#include "proto/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_number_is_taken_off_the_front(void **state)
{
    struct slice text = slice_from_text("18446744073709551615-7");
    uint64_t number = 1;

    (void)state;
    assert_true(decimal_take(&text, &number));
    assert_true(number == UINT64_MAX);
    assert_true(slice_equal(text, slice_from_text("-7")));
    assert_false(decimal_take(&text, &number));
    assert_true(slice_equal(text, slice_from_text("-7")) && number == UINT64_MAX);
}

static void what_does_not_fit_is_no_number(void **state)
{
    static const char *const texts[] = {
        "18446744073709551616", "99999999999999999999", "", " 1", "+1", "-1", "1 ", "0x1"};
    uint64_t number = 4711;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_false(decimal_read(slice_from_text(texts[i]), UINT64_MAX, &number));
    assert_false(decimal_read(slice_from_text("16"), 15, &number));
    assert_int_equal(number, 4711);
    assert_true(decimal_read(slice_from_text("0015"), 15, &number));
    assert_int_equal(number, 15);
}

static void what_is_written_is_read_again(void **state)
{
    static const uint64_t numbers[] = {0, 9, 10, 4711, INT64_MAX, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[DECIMAL_BYTES_MAX];
        uint64_t number = 1;

        size_t size = decimal_write(numbers[i], text);
        assert_true(decimal_read(slice_of(text, size), UINT64_MAX, &number));
        assert_true(number == numbers[i]);
        assert_true(size == 1 || text[0] != '0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_taken_off_the_front),
        cmocka_unit_test(what_does_not_fit_is_no_number),
        cmocka_unit_test(what_is_written_is_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
