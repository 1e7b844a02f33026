/* digest: SHA-256 as FIPS 180-4 has it, and the same again after any use. */
#include "proto/digester.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    const char *digest;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
     "nopqrstu",
     "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

enum { VECTORS = sizeof vectors / sizeof vectors[0] };

static int set_up(void **state)
{
    *state = digester_new();
    return *state == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    digester_free(*state);
    return 0;
}

static void assert_digest(struct digester *digester, struct slice bytes, const char *expected)
{
    char text[DIGEST_HEX_BYTES];
    struct digest digest = digester_hash(digester, bytes);

    digest_format(&digest, text);
    assert_string_equal(text, expected);
}

static void the_vectors_of_fips_come_out(void **state)
{
    for (size_t i = 0; i < VECTORS; i++)
        assert_digest(*state, slice_from_text(vectors[i].text), vectors[i].digest);
}

static void a_million_letters_come_out(void **state)
{
    static uint8_t letters[1000000];

    memset(letters, 'a', sizeof letters);
    assert_digest(*state, slice_of(letters, sizeof letters),
                  "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void a_used_digester_remembers_nothing(void **state)
{
    for (size_t first = 0; first < VECTORS; first++) {
        for (size_t second = 0; second < VECTORS; second++) {
            digester_hash(*state, slice_from_text(vectors[first].text));
            assert_digest(*state, slice_from_text(vectors[second].text), vectors[second].digest);
        }
    }
}

static void the_empty_slice_may_have_no_pointer(void **state)
{
    assert_digest(*state, (struct slice){0}, vectors[0].digest);
}

static void a_digest_is_its_bytes(void **state)
{
    struct digest digest = digester_hash(*state, slice_from_text("abc"));

    assert_int_equal(digest_slice(&digest).size, DIGEST_BYTES);
    assert_int_equal(digest_slice(&digest).data[0], 0xba);
    assert_int_equal(digest_slice(&digest).data[DIGEST_BYTES - 1], 0xad);
}

static void digests_are_equal_when_all_their_bytes_are(void **state)
{
    struct digest digest = digester_hash(*state, slice_from_text("abc")), other = digest;

    assert_true(digest_equal(&digest, &other));
    other.bytes[DIGEST_BYTES - 1] ^= 1;
    assert_false(digest_equal(&digest, &other));
}

static void pieces_of_any_size_come_to_the_same(void **state)
{
    const char *text = vectors[VECTORS - 1].text;

    for (size_t piece = 1; piece <= strlen(text); piece++) {
        struct digest digest, parsed;

        digester_begin(*state);
        for (size_t at = 0; at < strlen(text); at += piece)
            digester_add(*state, slice_of(text + at, at + piece < strlen(text) ? piece : strlen(text) - at));
        digest = digester_so_far(*state);
        assert_true(digest_parse(slice_from_text(vectors[VECTORS - 1].digest), &parsed));
        assert_memory_equal(&digest, &parsed, sizeof digest);
    }
}

static void only_what_is_written_is_read(void **state)
{
    char text[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0";
    struct digest digest;

    (void)state;
    assert_false(digest_parse(slice_of(text, 65), &digest));
    assert_false(digest_parse(slice_of(text, 63), &digest));
    assert_true(digest_parse(slice_of(text, 64), &digest));
    for (const char *wrong = "BFGg/:@`- "; *wrong != '\0'; wrong++) {
        text[63] = *wrong;
        assert_false(digest_parse(slice_of(text, 64), &digest));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_fips_come_out),
        cmocka_unit_test(a_million_letters_come_out),
        cmocka_unit_test(a_used_digester_remembers_nothing),
        cmocka_unit_test(the_empty_slice_may_have_no_pointer),
        cmocka_unit_test(a_digest_is_its_bytes),
        cmocka_unit_test(digests_are_equal_when_all_their_bytes_are),
        cmocka_unit_test(pieces_of_any_size_come_to_the_same),
        cmocka_unit_test(only_what_is_written_is_read),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
