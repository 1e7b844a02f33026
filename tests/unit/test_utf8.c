/* utf8: every character passes, every malformed sequence is found at its first byte. */
#include "proto/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static size_t encode(uint32_t character, uint8_t bytes[4])
{
    if (character < 0x80) {
        bytes[0] = (uint8_t)character;
        return 1;
    }
    if (character < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | character >> 6);
        bytes[1] = (uint8_t)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | character >> 12);
        bytes[1] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
        bytes[2] = (uint8_t)(0x80 | (character & 0x3f));
        return 3;
    }
    bytes[0] = (uint8_t)(0xf0 | character >> 18);
    bytes[1] = (uint8_t)(0x80 | (character >> 12 & 0x3f));
    bytes[2] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
    bytes[3] = (uint8_t)(0x80 | (character & 0x3f));
    return 4;
}

static bool is_surrogate(uint32_t character)
{
    return character >= 0xd800 && character <= 0xdfff;
}

static void every_character_passes_but_nul_and_surrogates(void **state)
{
    (void)state;
    for (uint32_t character = 0; character <= 0x10ffff; character++) {
        uint8_t bytes[4];
        size_t length = encode(character, bytes);
        size_t expected = character == 0 || is_surrogate(character) ? 0 : length;

        if (utf8_check(slice_of(bytes, length)) != expected)
            fail_msg("U+%04X", character);
    }
}

static void nothing_above_the_last_character_passes(void **state)
{
    (void)state;
    for (uint32_t character = 0x110000; character <= 0x1fffff; character++) {
        uint8_t bytes[4];

        encode(character, bytes);
        assert_int_equal(utf8_check(slice_of(bytes, 4)), 0);
    }
}

static const struct {
    const char *what;
    const char *bytes;
    size_t size;
    size_t sound; /* how much of it is well-formed */
} malformed[] = {
    {"NUL", "a\0b", 3, 1},
    {"a lone continuation", "a\x80z", 3, 1},
    {"a lone continuation, the last", "a\xbfz", 3, 1},
    {"one continuation too many", "a\xc3\xa4\xa4", 4, 3},
    {"two bytes, overlong", "a\xc0\x80", 3, 1},
    {"two bytes, overlong, the last", "a\xc1\xbf", 3, 1},
    {"two bytes, cut", "a\xc3", 2, 1},
    {"two bytes, the second too low", "a\xc3\x7f", 3, 1},
    {"two bytes, the second too high", "a\xc3\xc0", 3, 1},
    {"three bytes, overlong", "a\xe0\x80\x80", 4, 1},
    {"three bytes, overlong, the last", "a\xe0\x9f\xbf", 4, 1},
    {"three bytes, cut after one", "a\xe2", 2, 1},
    {"three bytes, cut after two", "a\xe2\x82", 3, 1},
    {"three bytes, the second wrong", "a\xe2(\xa1", 4, 1},
    {"three bytes, the third wrong", "a\xe2\x82(", 4, 1},
    {"a high surrogate", "a\xed\xa0\x80", 4, 1},
    {"a low surrogate", "a\xed\xbf\xbf", 4, 1},
    {"a pair of surrogates", "a\xed\xa0\xbd\xed\xb8\x80", 7, 1},
    {"four bytes, overlong", "a\xf0\x80\x80\x80", 5, 1},
    {"four bytes, overlong, the last", "a\xf0\x8f\xbf\xbf", 5, 1},
    {"four bytes, cut after one", "a\xf0", 2, 1},
    {"four bytes, cut after two", "a\xf0\x9f", 3, 1},
    {"four bytes, cut after three", "a\xf0\x9f\x98", 4, 1},
    {"four bytes, the second wrong", "a\xf0(\x98\x80", 5, 1},
    {"four bytes, the third wrong", "a\xf0\x9f(\x80", 5, 1},
    {"four bytes, the fourth wrong", "a\xf0\x9f\x98(", 5, 1},
    {"above U+10FFFF", "a\xf4\x90\x80\x80", 5, 1},
    {"the largest four bytes", "a\xf7\xbf\xbf\xbf", 5, 1},
    {"five bytes", "a\xf8\x88\x80\x80\x80", 6, 1},
    {"six bytes", "a\xfc\x84\x80\x80\x80\x80", 7, 1},
    {"fe", "a\xfe", 2, 1},
    {"ff", "a\xff", 2, 1},
    {"UTF-16", "\xff\xfe\x61\x01", 4, 0},
    {"Latin-1", "f\xfcr", 3, 1},
    {"far behind", "0123456789 \xc3\xa4 0123456789\xe2\x82", 26, 24},
};

static void malformed_sequences_are_found_at_their_first_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        if (utf8_check(slice_of(malformed[i].bytes, malformed[i].size)) != malformed[i].sound)
            fail_msg("%s", malformed[i].what);
}

static void a_wrong_byte_is_found_wherever_it_stands_in_ascii(void **state)
{
    static const uint8_t wrong[] = {0x00, 0x80, 0xff};
    uint8_t text[40];

    (void)state;
    for (size_t i = 0; i < sizeof wrong; i++) {
        for (size_t at = 0; at < sizeof text; at++) {
            for (size_t j = 0; j < sizeof text; j++)
                text[j] = j % 2 == 0 ? 0x01 : 0x7f;
            text[at] = wrong[i];
            assert_int_equal(utf8_check(slice_of(text, sizeof text)), at);
        }
    }
}

static void nothing_behind_the_slice_is_looked_at(void **state)
{
    (void)state;
    assert_int_equal(utf8_check(slice_of("\xe2\x82\xac", 2)), 0);
    assert_int_equal(utf8_check(slice_of("ab\xff", 2)), 2);
    assert_int_equal(utf8_check((struct slice){0}), 0);
}

static void a_cut_never_ends_inside_a_character(void **state)
{
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const size_t cut_to[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};

    (void)state;
    for (size_t limit = 0; limit < sizeof cut_to / sizeof cut_to[0]; limit++) {
        struct slice cut = utf8_cut(slice_from_text(text), limit);

        assert_int_equal(cut.size, cut_to[limit]);
        assert_int_equal(utf8_check(cut), cut.size);
    }
    assert_int_equal(utf8_cut((struct slice){0}, 10).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_passes_but_nul_and_surrogates),
        cmocka_unit_test(nothing_above_the_last_character_passes),
        cmocka_unit_test(malformed_sequences_are_found_at_their_first_byte),
        cmocka_unit_test(a_wrong_byte_is_found_wherever_it_stands_in_ascii),
        cmocka_unit_test(nothing_behind_the_slice_is_looked_at),
        cmocka_unit_test(a_cut_never_ends_inside_a_character),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
