/* cluster_key: the key of every command that we say. */
#include "proto/cluster_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 12 };

/* The words of a command as one would type it. */
static size_t split(char *command, struct slice words[WORDS_MAX])
{
    size_t count = 0;

    for (char *rest = command, *word; (word = strsep(&rest, " ")) != NULL;) {
        assert_true(count < WORDS_MAX);
        words[count++] = slice_from_text(word);
    }
    return count;
}

/* NULL: none. */
static void assert_key(const char *text, const char *expected)
{
    struct slice words[WORDS_MAX];
    struct slice key = slice_from_text("untouched");
    char command[128];

    assert_true(strlen(text) < sizeof command);
    strcpy(command, text);
    bool found = cluster_key(words, split(command, words), &key);
    if (found != (expected != NULL) || !slice_equal(key, slice_from_text(found ? expected : "untouched")))
        fail_msg("%s: %.*s", text, SLICE_PRINT(key));
}

static void most_commands_name_it_first(void **state)
{
    (void)state;
    assert_key("XADD k * event payload", "k");
    assert_key("XACK k group 1-1", "k");
    assert_key("XRANGE k - +", "k");
    assert_key("HGET k field", "k");
    assert_key("SETNX k 1", "k");
    assert_key("BLMOVE k to LEFT RIGHT 1", "k");
    assert_key("EXISTS k", "k");
}

static void some_have_a_subcommand_before_it(void **state)
{
    (void)state;
    assert_key("XGROUP CREATE k group 0 MKSTREAM", "k");
    assert_key("XINFO GROUPS k", "k");
    assert_key("xinfo stream k", "k");
    assert_key("MEMORY USAGE k", "k");
}

static void reading_names_it_behind_its_options(void **state)
{
    (void)state;
    assert_key("XREADGROUP GROUP g c COUNT 5 BLOCK 1000 STREAMS k >", "k");
    assert_key("XREADGROUP GROUP streams streams STREAMS k j > >", "k");
    assert_key("XREAD BLOCK 5 streams k 0", "k");
    assert_key("XREAD STREAMS STREAMS 0", "STREAMS");
}

static void a_script_tells_how_many_it_has(void **state)
{
    (void)state;
    assert_key("EVAL script 1 k word", "k");
    assert_key("EVAL script 5 k l m n o word", "k");
    assert_key("EVAL script 0", NULL);
    assert_key("EVAL script 0 word", NULL);
    assert_key("EVALSHA sum 1 k", "k");
}

static void some_commands_have_none(void **state)
{
    (void)state;
    assert_key("PING", NULL);
    assert_key("INFO memory", NULL);
    assert_key("TIME", NULL);
    assert_key("SCAN 0 MATCH taskledger:permit:*", NULL);
    assert_key("CLUSTER SLOTS", NULL);
    assert_key("CLIENT SETNAME worker", NULL);
}

static void a_command_that_ends_too_early_has_none(void **state)
{
    struct slice key;

    (void)state;
    assert_false(cluster_key(NULL, 0, &key));
    assert_key("XADD", NULL);
    assert_key("XGROUP CREATE", NULL);
    assert_key("EVAL script", NULL);
    assert_key("EVAL script 1", NULL);
    assert_key("XREADGROUP", NULL);
    assert_key("XREADGROUP GROUP g c STREAMS", NULL);
    assert_key("XREAD COUNT 1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(most_commands_name_it_first),
        cmocka_unit_test(some_have_a_subcommand_before_it),
        cmocka_unit_test(reading_names_it_behind_its_options),
        cmocka_unit_test(a_script_tells_how_many_it_has),
        cmocka_unit_test(some_commands_have_none),
        cmocka_unit_test(a_command_that_ends_too_early_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
