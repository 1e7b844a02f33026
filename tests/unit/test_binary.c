#include "consumer/ledger/binary.h"
#include "consumer/ledger/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(struct binary *binary, const char *bytes, size_t size)
{
    assert_int_equal(binary->size, size);
    assert_memory_equal(binary->data, bytes, size);
    binary_reset(binary);
}

static void a_value_is_its_size_and_its_bytes_most_significant_first(void **state)
{
    struct binary binary = {.data = NULL};

    (void)state;
    binary_int32(&binary, -2);
    expect(&binary, "\0\0\0\4\xff\xff\xff\xfe", 8);
    binary_int64(&binary, 0x0102030405060708);
    expect(&binary, "\0\0\0\10\1\2\3\4\5\6\7\10", 12);
    binary_double(&binary, 1.0);
    expect(&binary, "\0\0\0\10\x3f\xf0\0\0\0\0\0\0", 12);
    binary_boolean(&binary, true);
    expect(&binary, "\0\0\0\1\1", 5);
    binary_bytes(&binary, slice_from_text("abc"));
    expect(&binary, "\0\0\0\3abc", 7);
    binary_jsonb(&binary, slice_from_text("{}"));
    expect(&binary, "\0\0\0\3\1{}", 7);
    binary_null(&binary);
    expect(&binary, "\xff\xff\xff\xff", 4);
    binary_close(&binary);
}

static void an_empty_text_is_null_and_empty_bytes_are_not(void **state)
{
    struct binary binary = {.data = NULL};

    (void)state;
    binary_text(&binary, slice_from_text(""));
    expect(&binary, "\xff\xff\xff\xff", 4);
    binary_jsonb(&binary, slice_from_text(""));
    expect(&binary, "\xff\xff\xff\xff", 4);
    binary_bytes(&binary, slice_from_text(""));
    expect(&binary, "\0\0\0\0", 4);
    binary_close(&binary);
}

static void times_count_from_the_year_2000(void **state)
{
    struct binary binary = {.data = NULL};

    (void)state;
    binary_time_us(&binary, INT64_C(946684800000001));
    expect(&binary, "\0\0\0\10\0\0\0\0\0\0\0\1", 12);
    binary_time_us(&binary, INT64_C(946684799999999));
    expect(&binary, "\0\0\0\10\xff\xff\xff\xff\xff\xff\xff\xff", 12);
    binary_close(&binary);
}

static void what_is_read_is_what_was_written(void **state)
{
    const int64_t moments[] = {0, 1, INT64_C(946684800000000), INT64_C(253402300799999999)};
    struct binary binary = {.data = NULL};

    (void)state;
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        binary_reset(&binary);
        binary_time_us(&binary, moments[i]);
        assert_int_equal(postgres_read_time_us(slice_of(binary.data + 4, 8)), moments[i]);
    }
    binary_reset(&binary);
    binary_double(&binary, -0.125);
    assert_true(postgres_read_double(slice_of(binary.data + 4, 8)) == -0.125);
    binary_close(&binary);
}

static void a_buffer_grows_beyond_its_first_size(void **state)
{
    struct binary binary = {.data = NULL};
    uint8_t block[1000] = {7};

    (void)state;
    for (int i = 0; i < 100; i++)
        binary_append(&binary, block, sizeof block);
    assert_false(binary.failed);
    assert_int_equal(binary.size, 100 * sizeof block);
    assert_int_equal(binary.data[99 * sizeof block], 7);
    binary_close(&binary);
}

static void a_number_too_large_for_a_bigint_becomes_the_largest(void **state)
{
    (void)state;
    assert_int_equal(binary_clamp(7), 7);
    assert_true(binary_clamp(UINT64_MAX) == INT64_MAX);
}

static const struct postgres_statement statement = {"none", "SELECT"};
static const enum columns_type types[] = {COLUMNS_INT4, COLUMNS_TEXT, 0};

static void add_row(struct columns *columns, int32_t number, const char *text)
{
    binary_int32(columns_next(columns), number);
    binary_text(columns_next(columns), slice_from_text(text));
}

static void rows_become_one_array_for_each_column(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct postgres_parameter parameters[COLUMNS_MAX];
    struct columns columns;

    (void)state;
    columns_init(&columns, &statement, types);
    add_row(&columns, 5, "five");
    add_row(&columns, 6, "");
    assert_true(columns_finish(&columns, parameters, &error));

    assert_int_equal(columns.rows, 2);
    assert_int_equal(parameters[0].value.size, 20 + 2 * 8);
    assert_memory_equal(parameters[0].value.data, "\0\0\0\1\0\0\0\1\0\0\0\27\0\0\0\2\0\0\0\1\0\0\0\4\0\0\0\5", 28);
    assert_int_equal(parameters[1].value.size, 20 + 8 + 4);
    assert_memory_equal(parameters[1].value.data + 20, "\0\0\0\4five\xff\xff\xff\xff", 12);
    columns_close(&columns);
}

static void columns_without_rows_are_empty_arrays(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct postgres_parameter parameters[COLUMNS_MAX];
    struct columns columns;

    (void)state;
    columns_init(&columns, &statement, types);
    add_row(&columns, 5, "five");
    columns_reset(&columns);
    assert_true(columns_finish(&columns, parameters, &error));
    assert_int_equal(columns.rows, 0);
    assert_memory_equal(parameters[0].value.data + 12, "\0\0\0\0", 4);
    columns_close(&columns);
}

static void columns_are_full_at_their_bound(void **state)
{
    struct columns columns;
    size_t rows = 0;

    (void)state;
    columns_init(&columns, &statement, types);
    while (!columns_full(&columns)) {
        add_row(&columns, 1, "0123456789012345678901234567890123456789");
        rows++;
    }
    assert_in_range(rows * (8 + 44), COLUMNS_BYTES_MAX - 100, COLUMNS_BYTES_MAX + 100);
    columns_close(&columns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_its_size_and_its_bytes_most_significant_first),
        cmocka_unit_test(an_empty_text_is_null_and_empty_bytes_are_not),
        cmocka_unit_test(times_count_from_the_year_2000),
        cmocka_unit_test(what_is_read_is_what_was_written),
        cmocka_unit_test(a_buffer_grows_beyond_its_first_size),
        cmocka_unit_test(a_number_too_large_for_a_bigint_becomes_the_largest),
        cmocka_unit_test(rows_become_one_array_for_each_column),
        cmocka_unit_test(columns_without_rows_are_empty_arrays),
        cmocka_unit_test(columns_are_full_at_their_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
