/* shell: words that a shell reads back as they were. That it does, tests/system/test_replay_stuck.py shows. */
#include "replay/shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, const char *word)
{
    struct arena arena = {.limit_bytes = 0};
    struct slice quoted = shell_quote(slice_from_text(text), &arena);

    assert_int_equal(quoted.size, strlen(word));
    assert_memory_equal(quoted.data, word, quoted.size);
    arena_close(&arena);
}

static void a_word_that_means_nothing_is_left_as_it_is(void **state)
{
    (void)state;
    expect("order-17/part_2.x:y@z+1,%", "order-17/part_2.x:y@z+1,%");
    expect("-rf", "-rf");
}

static void what_means_something_is_quoted(void **state)
{
    (void)state;
    expect("", "''");
    expect("a b", "'a b'");
    expect("it's", "'it'\\''s'");
    expect("$(x)`x`!*?~\\\"", "'$(x)`x`!*?~\\\"'");
    expect("=ls", "'=ls'");
    expect("\xc3\xbc", "'\xc3\xbc'");
}

static void what_must_not_reach_a_terminal_is_written_in_octal(void **state)
{
    (void)state;
    expect("a\nb", "$'a\\012b'");
    expect("\x1b[2J", "$'\\033\\1332J'");
    expect("'\\\t", "$'\\047\\134\\011'");
    expect("\xe2\x80\xae", "$'\\342\\200\\256'");
    expect("\xff", "$'\\377'");
}

static void without_memory_there_is_no_word(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1);
    assert_null(shell_quote(slice_from_text("a b"), &arena).data);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_that_means_nothing_is_left_as_it_is),
        cmocka_unit_test(what_means_something_is_quoted),
        cmocka_unit_test(what_must_not_reach_a_terminal_is_written_in_octal),
        cmocka_unit_test(without_memory_there_is_no_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
