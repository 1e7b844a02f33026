/* signature: Ed25519 as RFC 8032 has it, and keys as openssl writes them. */
#include "replay/seal/signature.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* RFC 8032, 7.1, test 2: its key, its message (one byte, 0x72) and its signature. */
static const char private_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                                  "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n"
                                  "-----END PRIVATE KEY-----\n";
static const char public_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n"
                                 "-----END PUBLIC KEY-----\n";
static const char expected[] =
    "kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA==";

static char folder[256];
static char path[512];

static int set_up(void **state)
{
    (void)state;
    scratch_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/key", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(folder);
    return 0;
}

static void put(const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    chmod(path, 0600);
}

static struct signature_key *private_key(void)
{
    struct error error = {.text = ""};

    put(private_pem);
    struct signature_key *key = signature_private_key(path, &error);
    if (key == NULL)
        fail_msg("%s", error.text);
    return key;
}

static struct signature_key *public_key(void)
{
    struct error error = {.text = ""};

    put(public_pem);
    struct signature_key *key = signature_public_key(path, &error);
    if (key == NULL)
        fail_msg("%s", error.text);
    return key;
}

static void the_vector_of_the_rfc_comes_out(void **state)
{
    struct signature_key *key = private_key(), *other = public_key();
    char text[SIGNATURE_TEXT_BYTES];
    struct error error;

    (void)state;
    assert_true(signature_sign(key, slice_from_text("\x72"), text, &error));
    assert_string_equal(text, expected);
    assert_true(signature_holds(other, slice_from_text("\x72"), slice_from_text(text)));
    assert_memory_equal(signature_key_id(key), signature_key_id(other), DIGEST_BYTES);
    signature_key_free(key);
    signature_key_free(other);
}

static void nothing_else_holds(void **state)
{
    struct signature_key *key = public_key();
    char text[sizeof expected];

    (void)state;
    assert_false(signature_holds(key, slice_from_text("\x73"), slice_from_text(expected)));
    assert_false(signature_holds(key, slice_from_text(""), slice_from_text(expected)));
    for (size_t i = 0; i < sizeof expected - 1; i++) {
        memcpy(text, expected, sizeof text);
        text[i] = (char)(text[i] == 'A' ? 'B' : 'A');
        assert_false(signature_holds(key, slice_from_text("\x72"), slice_from_text(text)));
        text[i] = ' ';
        assert_false(signature_holds(key, slice_from_text("\x72"), slice_from_text(text)));
        assert_false(signature_holds(key, slice_from_text("\x72"), slice_of(expected, i)));
    }
    signature_key_free(key);
}

static void a_key_that_others_can_read_is_no_secret(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0601};
    struct error error;

    (void)state;
    put(private_pem);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        chmod(path, modes[i]);
        assert_null(signature_private_key(path, &error));
        assert_non_null(strstr(error.text, "chmod 600"));
    }
    chmod(path, 0400);
    struct signature_key *key = signature_private_key(path, &error);
    assert_non_null(key);
    signature_key_free(key);
}

static void what_is_no_key_is_refused(void **state)
{
    static const char *const texts[] = {"", "x", "-----BEGIN PRIVATE KEY-----\n",
                                        "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n"};
    struct error error;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put(texts[i]);
        assert_null(signature_private_key(path, &error));
        assert_string_equal(error.reason, "key");
        assert_null(signature_public_key(path, &error));
        assert_string_equal(error.reason, "key");
    }
    put(public_pem);
    assert_null(signature_private_key(path, &error));
    put(private_pem);
    assert_null(signature_public_key(path, &error));
    assert_null(signature_public_key("/nowhere/at all", &error));
    assert_null(signature_private_key("/nowhere/at all", &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vector_of_the_rfc_comes_out),
        cmocka_unit_test(nothing_else_holds),
        cmocka_unit_test(a_key_that_others_can_read_is_no_secret),
        cmocka_unit_test(what_is_no_key_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
