/* crc32c: the checksum of RFC 3720, so that every language finds the same shard. */
#include "proto/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 3720, appendix B.4, shows the bytes as they go over the wire, the lowest first. */

static void the_vectors_of_the_rfc_come_out(void **state)
{
    uint8_t bytes[32];

    (void)state;
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(crc32c(slice_of(bytes, 32)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c(slice_of(bytes, 32)), 0x62a8ab43);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(crc32c(slice_of(bytes, 32)), 0x46dd794e);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = 31 - i;
    assert_int_equal(crc32c(slice_of(bytes, 32)), 0x113fdb5c);
}

static void an_iscsi_read_command_comes_out(void **state)
{
    static const uint8_t command[48] = {
        0x01, 0xc0, 0x00, 0x00, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02,
    };

    (void)state;
    assert_int_equal(crc32c(slice_of(command, 48)), 0xd9963a56);
}

static void the_check_value_of_the_algorithm_comes_out(void **state)
{
    (void)state;
    assert_int_equal(crc32c(slice_from_text("123456789")), 0xe3069283);
    assert_int_equal(crc32c((struct slice){0}), 0);
}

static void every_flipped_bit_shows(void **state)
{
    uint8_t record[64] = "a record of the spool";
    uint32_t sound = crc32c(slice_of(record, sizeof record));

    (void)state;
    for (size_t bit = 0; bit < 8 * sizeof record; bit++) {
        record[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(crc32c(slice_of(record, sizeof record)), sound);
        record[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void it_is_the_same_with_and_without_the_processors_help(void **state)
{
    uint8_t bytes[300];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i + 7);
    for (size_t from = 0; from < 8; from++)
        for (size_t size = 0; from + size <= sizeof bytes; size++) {
            struct slice part = slice_of(bytes + from, size);

            assert_int_equal(crc32c(part), crc32c_by_table(part));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_come_out),
        cmocka_unit_test(an_iscsi_read_command_comes_out),
        cmocka_unit_test(the_check_value_of_the_algorithm_comes_out),
        cmocka_unit_test(every_flipped_bit_shows),
        cmocka_unit_test(it_is_the_same_with_and_without_the_processors_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
