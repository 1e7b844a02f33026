/* crc16: the checksum of Redis Cluster, so that we look for a key where the servers keep it. */
#include "proto/crc16.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_check_value_of_the_algorithm_comes_out(void **state)
{
    (void)state;
    assert_int_equal(crc16(slice_from_text("123456789")), 0x31c3);
    assert_int_equal(crc16((struct slice){0}), 0);
}

/* Bit by bit, as the definition says it. */
static uint16_t slowly(struct slice bytes)
{
    uint16_t crc = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= (uint16_t)(bytes.data[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0));
    }
    return crc;
}

static void every_byte_and_every_length_is_as_the_definition_says(void **state)
{
    uint8_t bytes[300];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i + 7);
    for (size_t size = 0; size <= sizeof bytes; size++)
        assert_int_equal(crc16(slice_of(bytes, size)), slowly(slice_of(bytes, size)));
    for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
        bytes[0] = (uint8_t)byte;
        assert_int_equal(crc16(slice_of(bytes, 1)), slowly(slice_of(bytes, 1)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_value_of_the_algorithm_comes_out),
        cmocka_unit_test(every_byte_and_every_length_is_as_the_definition_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
