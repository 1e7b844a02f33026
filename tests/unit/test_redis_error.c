/* redis_error: what an answer of Redis means for us. */
#include "proto/redis_error.h"

#include "tests/support/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct error meaning(const char *answer)
{
    struct error error = {.kind = ERROR_NONE};

    assert_false(redis_error_set(&error, slice_from_text(answer), ""));
    return error;
}

static void assert_means(const char *answer, enum error_kind kind, const char *reason)
{
    struct error error = meaning(answer);

    if (error.kind != kind || !redis_error_is(&error, reason))
        fail_msg("%s: %s %s", answer, kind_name(error.kind), error.reason);
}

static void a_server_that_cannot_now_is_tried_again(void **state)
{
    (void)state;
    assert_means("LOADING Redis is loading the dataset in memory", ERROR_TRANSIENT, "loading");
    assert_means("READONLY You can't write against a read only replica.", ERROR_TRANSIENT, "readonly");
    assert_means("BUSY Redis is busy running a script.", ERROR_TRANSIENT, "busy");
    assert_means("TRYAGAIN Multiple keys request during rehashing of slot", ERROR_TRANSIENT, "tryagain");
    assert_means("CLUSTERDOWN The cluster is down", ERROR_TRANSIENT, "clusterdown");
    assert_means("MASTERDOWN Link with MASTER is down", ERROR_TRANSIENT, "masterdown");
    assert_means("OOM command not allowed when used memory > 'maxmemory'.", ERROR_TRANSIENT, "oom");
    assert_means("MISCONF Errors writing to the AOF file: No space left on device", ERROR_TRANSIENT, "misconf");
    assert_means("NOREPLICAS Not enough good replicas to write.", ERROR_TRANSIENT, "noreplicas");
    assert_means("MOVED 3999 127.0.0.1:6381", ERROR_TRANSIENT, "moved");
    assert_means("ASK 3999 127.0.0.1:6381", ERROR_TRANSIENT, "ask");
    assert_means("UNBLOCKED force unblock from blocking operation", ERROR_TRANSIENT, "unblocked");
    assert_means("EXECABORT Transaction discarded because of previous errors.", ERROR_TRANSIENT, "execabort");
    assert_means("ERR max number of clients reached", ERROR_TRANSIENT, "maxclients");
    assert_means("ERR max number of clients + cluster connections reached", ERROR_TRANSIENT, "maxclients");
}

static void what_the_caller_repairs_is_told_by_its_reason(void **state)
{
    (void)state;
    assert_means("NOGROUP No such key 'taskledger:events' or consumer group", ERROR_TRANSIENT, "nogroup");
    assert_means("BUSYGROUP Consumer Group name already exists", ERROR_TRANSIENT, "busygroup");
    assert_means("NOSCRIPT No matching script. Please use EVAL.", ERROR_TRANSIENT, "noscript");
}

static void what_an_operator_must_mend_is_fatal(void **state)
{
    (void)state;
    assert_means("NOAUTH Authentication required.", ERROR_FATAL, "noauth");
    assert_means("WRONGPASS invalid username-password pair or user is disabled.", ERROR_FATAL, "wrongpass");
    assert_means("ERR invalid password", ERROR_FATAL, "wrongpass");
    assert_means("NOPERM this user has no permissions to run the 'xadd' command", ERROR_FATAL, "noperm");
    assert_means("ERR The user executing the script can't run this command or subcommand script: 67ed14", ERROR_FATAL,
                 "noperm");
    assert_means("DENIED Redis is running in protected mode", ERROR_FATAL, "denied");
    assert_means("ERR Client sent AUTH, but no password is set", ERROR_FATAL, "nopassword");
    assert_means("ERR AUTH <password> called without any password configured for the default user.", ERROR_FATAL,
                 "nopassword");
    assert_means("WRONGTYPE Operation against a key holding the wrong kind of value", ERROR_FATAL, "wrongtype");
    assert_means("NOPROTO unsupported protocol version", ERROR_FATAL, "noproto");
    assert_means("CROSSSLOT Keys in request don't hash to the same slot", ERROR_FATAL, "crossslot");
    assert_means("ERR invalid DB index", ERROR_FATAL, "db");
    assert_means("ERR DB index is out of range", ERROR_FATAL, "db");
    assert_means("ERR unknown command 'XADD', with args beginning with: 'x' ", ERROR_FATAL, "unknown");
    assert_means("ERR unknown command `XADD`, with args beginning with: `x`, ", ERROR_FATAL, "unknown");
}

static void an_answer_nobody_knows_is_fatal(void **state)
{
    (void)state;
    assert_means("ERR syntax error", ERROR_FATAL, "reply");
    assert_means("", ERROR_FATAL, "reply");
    assert_means("LOADINGS are something else", ERROR_FATAL, "reply");
    assert_means("loading", ERROR_FATAL, "reply");
    assert_means("ERR", ERROR_FATAL, "reply");
    assert_means("NOGROUP", ERROR_TRANSIENT, "nogroup");
}

/* Redis 6.2 wraps what a command in a script failed for. */
static void an_error_inside_a_script_is_recognised(void **state)
{
    (void)state;
    assert_means("ERR Error running script (call to f_ab): @user_script:1: @user_script: 1: -OOM command not allowed",
                 ERROR_TRANSIENT, "oom");
    assert_means("ERR Error running script (call to f_ab): @user_script:1: -READONLY You can't write", ERROR_TRANSIENT,
                 "readonly");
    assert_means("ERR Error running script (call to f_ab): attempt to index a nil value", ERROR_FATAL, "reply");
    assert_means("ERR Error running script (call to f_ab): -", ERROR_FATAL, "reply");
}

static void the_text_is_what_the_server_said(void **state)
{
    (void)state;
    assert_string_equal(meaning("NOGROUP No such key").text, "NOGROUP No such key");
}

static void the_text_is_printable_and_cut(void **state)
{
    char answer[2000];
    struct error error;

    (void)state;
    assert_string_equal(meaning("OOM a\nb\x1b[31mc\xff").text, "OOM a?b?[31mc?");

    memset(answer, 'x', sizeof answer);
    redis_error_set(&error, slice_of(answer, sizeof answer), "");
    assert_in_range(strlen(error.text), 100, 300);
    redis_error_set(&error, slice_of("OOM\0x", 5), "");
    assert_string_equal(error.text, "OOM?x");
}

static void arguments_that_the_server_repeats_are_left_out(void **state)
{
    (void)state;
    assert_string_equal(meaning("ERR unknown command 'AUTH', with args beginning with: 'hunter2' ").text,
                        "ERR unknown command 'AUTH'");
}

static void the_password_is_never_repeated(void **state)
{
    struct error error;

    (void)state;
    redis_error_set(&error, slice_from_text("WRONGPASS hunter2 is wrong"), "hunter2");
    assert_null(strstr(error.text, "hunter2"));
    assert_true(redis_error_is(&error, "wrongpass"));
}

static void an_error_that_was_not_set_is_for_no_reason(void **state)
{
    struct error error = {.kind = ERROR_NONE};

    (void)state;
    assert_false(redis_error_is(&error, "nogroup"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_cannot_now_is_tried_again),
        cmocka_unit_test(what_the_caller_repairs_is_told_by_its_reason),
        cmocka_unit_test(what_an_operator_must_mend_is_fatal),
        cmocka_unit_test(an_answer_nobody_knows_is_fatal),
        cmocka_unit_test(an_error_inside_a_script_is_recognised),
        cmocka_unit_test(the_text_is_what_the_server_said),
        cmocka_unit_test(the_text_is_printable_and_cut),
        cmocka_unit_test(arguments_that_the_server_repeats_are_left_out),
        cmocka_unit_test(the_password_is_never_repeated),
        cmocka_unit_test(an_error_that_was_not_set_is_for_no_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
