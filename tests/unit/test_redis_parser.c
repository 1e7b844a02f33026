/* redis_parser: bytes in, visits out, whatever the bytes and however they are cut. */
#include "proto/redis_parser.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { STRING_MAX = 16, STORY_MAX = 8192 };

/* What was visited, as text: "1.0 string 3 abc", a line each; a second number is the true size of a string that was
 * cut. */
struct story {
    char text[STORY_MAX];
    size_t size;
    int refuse_after; /* visits; -1: never */
    int refusal;      /* errno then */
};

static bool tell(struct story *story, const struct redis_place *place, const char *what, struct slice text)
{
    char *end = story->text + story->size;
    size_t room = sizeof story->text - story->size;
    int used = 0;

    if (story->refuse_after-- == 0) {
        errno = story->refusal;
        return false;
    }
    for (unsigned i = 0; i < place->depth; i++)
        used += snprintf(end + used, room - (size_t)used, "%s%zu", i == 0 ? "" : ".", place->path[i]);
    used += snprintf(end + used, room - (size_t)used, "%s%s", place->depth == 0 ? "" : " ", what);
    used += snprintf(end + used, room - (size_t)used, " %.*s\n", SLICE_PRINT(text));
    story->size += (size_t)used;
    assert_true(story->size < sizeof story->text);
    return true;
}

static bool tell_number(struct story *story, const struct redis_place *place, const char *what, long long number)
{
    char text[32];

    snprintf(text, sizeof text, "%lld", number);
    return tell(story, place, what, slice_from_text(text));
}

static bool tell_text(struct story *story, const struct redis_place *place, const char *type, struct slice text,
                      size_t bytes)
{
    char what[64];

    snprintf(what, sizeof what, bytes == text.size ? "%s %zu" : "%s %zu of %zu", type, text.size, bytes);
    return tell(story, place, what, text);
}

static bool on_array(void *self, const struct redis_place *place, size_t count)
{
    return tell_number(self, place, "array", (long long)count);
}

static bool on_string(void *self, const struct redis_place *place, struct slice text, size_t bytes)
{
    return tell_text(self, place, "string", text, bytes);
}

static bool on_status(void *self, const struct redis_place *place, struct slice text, size_t bytes)
{
    return tell_text(self, place, "status", text, bytes);
}

static bool on_error(void *self, const struct redis_place *place, struct slice text, size_t bytes)
{
    return tell_text(self, place, "error", text, bytes);
}

static bool on_integer(void *self, const struct redis_place *place, int64_t value)
{
    return tell_number(self, place, "integer", value);
}

static bool on_nil(void *self, const struct redis_place *place)
{
    return tell(self, place, "nil", (struct slice){0});
}

static struct redis_visitor full_visitor(struct story *story)
{
    return (struct redis_visitor){.on_array = on_array,
                                  .on_string = on_string,
                                  .on_integer = on_integer,
                                  .on_nil = on_nil,
                                  .on_status = on_status,
                                  .on_error = on_error,
                                  .self = story};
}

/* Gives `bytes` to the parser; counts the answers that became complete. */
static bool take(struct redis_parser *parser, const struct redis_visitor *visitor, struct slice bytes,
                 unsigned *answers, struct error *error)
{
    for (;;) {
        bool complete;

        if (!redis_parser_step(parser, visitor, &bytes, &complete, error))
            return false;
        if (complete)
            ++*answers;
        else if (bytes.size == 0)
            return true;
    }
}

/* The bytes in chunks; the number of answers, or -1 with the error. */
static int read_in_chunks(const char *bytes, size_t chunk, struct story *story, struct error *error)
{
    struct redis_parser *parser = redis_parser_new(STRING_MAX, "");
    struct redis_visitor visitor = full_visitor(story);
    struct slice left = slice_from_text(bytes);
    unsigned answers = 0;
    bool good = true;

    while (good && left.size > 0) {
        size_t size = chunk < left.size ? chunk : left.size;

        good = take(parser, &visitor, slice_of(left.data, size), &answers, error);
        left = slice_of(left.data + size, left.size - size);
    }
    redis_parser_free(parser);
    return good ? (int)answers : -1;
}

static void assert_tells(const char *bytes, int answers, const char *expected)
{
    for (size_t chunk = 1; chunk <= strlen(bytes); chunk++) {
        struct story story = {.refuse_after = -1};
        struct error error = {.kind = ERROR_NONE};

        if (read_in_chunks(bytes, chunk, &story, &error) != answers)
            fail_msg("in chunks of %zu: %s", chunk, error.text);
        assert_string_equal(story.text, expected);
    }
}

static struct error failure_of(const char *bytes)
{
    struct story story = {.refuse_after = -1};
    struct error error = {.kind = ERROR_NONE};

    for (size_t chunk = 1; chunk <= strlen(bytes); chunk++)
        if (read_in_chunks(bytes, chunk, &story, &error) >= 0)
            fail_msg("in chunks of %zu: accepted %s", chunk, bytes);
    return error;
}

static void assert_protocol_error(const char *bytes)
{
    struct error error = failure_of(bytes);

    assert_int_equal(error.kind, ERROR_TRANSIENT);
    assert_string_equal(error.reason, "protocol");
}

static void single_items_have_depth_zero(void **state)
{
    (void)state;
    assert_tells("$3\r\nabc\r\n", 1, "string 3 abc\n");
    assert_tells("$0\r\n\r\n", 1, "string 0 \n");
    assert_tells("+OK\r\n", 1, "status 2 OK\n");
    assert_tells(":-42\r\n", 1, "integer -42\n");
    assert_tells("$-1\r\n", 1, "nil \n");
    assert_tells("*-1\r\n", 1, "nil \n");
    assert_tells("*0\r\n", 1, "array 0\n");
}

static void items_of_arrays_have_a_path(void **state)
{
    (void)state;
    assert_tells(
        "*3\r\n$1\r\na\r\n*2\r\n:7\r\n*-1\r\n*1\r\n*1\r\n+x\r\n", 1,
        "array 3\n0 string 1 a\n1 array 2\n1.0 integer 7\n1.1 nil \n2 array 1\n2.0 array 1\n2.0.0 status 1 x\n");
}

static void answers_are_told_apart(void **state)
{
    (void)state;
    assert_tells("+a\r\n*1\r\n:1\r\n$-1\r\n", 3, "status 1 a\narray 1\n0 integer 1\nnil \n");
}

static void long_strings_are_cut_and_their_size_is_told(void **state)
{
    (void)state;
    assert_tells(
        "*4\r\n$16\r\n0123456789abcdef\r\n$17\r\n0123456789abcdefX\r\n$1\r\nz\r\n$20\r\n0123456789abcdefXXXX\r\n", 1,
        "array 4\n0 string 16 0123456789abcdef\n1 string 16 of 17 0123456789abcdef\n2 string 1 z\n"
        "3 string 16 of 20 0123456789abcdef\n");
    assert_tells("$17\r\n0123456789abcdefX\r\n$16\r\n0123456789abcdef\r\n", 2,
                 "string 16 of 17 0123456789abcdef\nstring 16 0123456789abcdef\n");
    assert_tells("+0123456789abcdefX\r\n", 1, "status 16 of 17 0123456789abcdef\n");
}

static void errors_inside_an_answer_are_visited(void **state)
{
    (void)state;
    assert_tells("*2\r\n-OOM no\r\n:1\r\n", 1, "array 2\n0 error 6 OOM no\n1 integer 1\n");
}

/* Parses one whole answer; what the parser says about it. */
static bool verdict_on(struct redis_parser *parser, const struct redis_visitor *visitor, const char *answer,
                       struct error *error)
{
    struct slice bytes = slice_from_text(answer);
    bool complete = false;

    while (!complete)
        assert_true(redis_parser_step(parser, visitor, &bytes, &complete, error));
    assert_int_equal(bytes.size, 0);
    return redis_parser_verdict(parser, error);
}

static void an_error_is_the_verdict_on_its_answer_only(void **state)
{
    struct redis_parser *parser = redis_parser_new(STRING_MAX, "");
    struct story story = {.refuse_after = -1};
    struct redis_visitor visitor = full_visitor(&story);
    struct error error = {.kind = ERROR_NONE};

    (void)state;
    assert_true(verdict_on(parser, &visitor, "+OK\r\n", &error));
    assert_false(verdict_on(parser, &visitor, "-NOGROUP none\r\n", &error));
    assert_string_equal(error.reason, "nogroup");
    assert_true(verdict_on(parser, &visitor, "+OK\r\n", &error));
    assert_true(verdict_on(parser, &visitor, "*1\r\n-NOGROUP none\r\n", &error));
    redis_parser_free(parser);
}

/* What is made for people is cut at 256 bytes, and shows "?" for what cannot be printed. */
static void an_error_is_kept_as_it_came_until_the_next_answer(void **state)
{
    struct redis_parser *parser = redis_parser_new(STRING_MAX, "");
    struct story story = {.refuse_after = -1};
    struct redis_visitor visitor = full_visitor(&story);
    struct error error = {.kind = ERROR_NONE};
    char answer[1 + REDIS_PARSER_REFUSAL_BYTES + 8];

    (void)state;
    memset(answer, 'x', sizeof answer);
    memcpy(answer, "-MOVED 1 \x80", 10);
    memcpy(answer + 1 + REDIS_PARSER_REFUSAL_BYTES, "\r\n", 3);
    assert_false(verdict_on(parser, &visitor, answer, &error));
    assert_true(slice_equal(redis_parser_refusal(parser), slice_of(answer + 1, REDIS_PARSER_REFUSAL_BYTES)));
    assert_true(verdict_on(parser, &visitor, "+OK\r\n", &error));
    assert_int_equal(redis_parser_refusal(parser).size, 0);
    visitor.on_error = NULL;
    assert_false(verdict_on(parser, &visitor, "*1\r\n-MOVED 1 a:1\r\n", &error));
    assert_int_equal(redis_parser_refusal(parser).size, 0);
    redis_parser_free(parser);
}

static void the_first_error_inside_is_the_verdict_for_a_visitor_without_errors(void **state)
{
    struct redis_parser *parser = redis_parser_new(STRING_MAX, "");
    struct story story = {.refuse_after = -1};
    struct redis_visitor visitor = full_visitor(&story);
    struct error error = {.kind = ERROR_NONE};

    (void)state;
    visitor.on_error = NULL;
    visitor.on_status = NULL;
    assert_false(verdict_on(parser, &visitor, "*4\r\n+a\r\n-OOM no\r\n-LOADING\r\n:1\r\n", &error));
    assert_string_equal(error.reason, "oom");
    assert_string_equal(story.text, "array 4\n0 string 1 a\n3 integer 1\n");
    redis_parser_free(parser);
}

static void the_secret_is_not_repeated(void **state)
{
    struct redis_parser *parser = redis_parser_new(STRING_MAX, "hunter2");
    struct story story = {.refuse_after = -1};
    struct redis_visitor visitor = full_visitor(&story);
    struct error error = {.kind = ERROR_NONE};

    (void)state;
    assert_false(verdict_on(parser, &visitor, "-ERR hunter2\r\n", &error));
    assert_null(strstr(error.text, "hunter2"));
    redis_parser_free(parser);
}

static void it_knows_whether_an_answer_has_begun(void **state)
{
    struct redis_parser *parser = redis_parser_new(STRING_MAX, "");
    struct story story = {.refuse_after = -1};
    struct redis_visitor visitor = full_visitor(&story);
    struct slice bytes = slice_from_text("*2\r\n:1\r\n:2\r\n+O");
    struct slice none = {0};
    struct error error;
    bool complete = false;

    (void)state;
    assert_false(redis_parser_has_begun(parser));
    assert_true(redis_parser_step(parser, &visitor, &bytes, &complete, &error));
    assert_true(complete && redis_parser_has_begun(parser));
    assert_true(redis_parser_step(parser, &visitor, &none, &complete, &error));
    assert_true(!complete && redis_parser_has_begun(parser));

    bytes = slice_from_text("K\r\n");
    assert_true(redis_parser_step(parser, &visitor, &bytes, &complete, &error));
    assert_true(complete && !redis_parser_has_begun(parser));
    bytes = slice_from_text("*1\r\n");
    assert_true(redis_parser_step(parser, &visitor, &bytes, &complete, &error));
    assert_true(!complete && redis_parser_has_begun(parser));
    redis_parser_free(parser);
}

static void garbage_is_a_protocol_error(void **state)
{
    const char *garbage[] = {"HTTP/1.1 400\r\n", "$3\r\nabcd\r\n", "*1\r\n%1\r\n", "_\r\n", "\r\n",
                             ":1x\r\n",          "*2000000\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
        assert_protocol_error(garbage[i]);
}

static void a_server_that_speaks_tls_is_recognised(void **state)
{
    struct error error = failure_of("\x15\x03\x01\x01");

    (void)state;
    assert_int_equal(error.kind, ERROR_FATAL);
    assert_string_equal(error.reason, "tls");
    assert_non_null(strstr(error.text, "rediss://"));
    assert_protocol_error("+OK\r\n\x15\x03");
}

static void the_deepest_answer_is_taken_and_a_deeper_one_refused(void **state)
{
    const char *deepest = "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:5\r\n";
    struct story story = {.refuse_after = -1};
    struct error error;

    (void)state;
    assert_int_equal(read_in_chunks(deepest, 1000, &story, &error), 1);
    assert_non_null(strstr(story.text, "0.0.0.0.0.0.0.0 integer 5\n"));
    assert_protocol_error("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:5\r\n");
    assert_protocol_error("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n");
}

static void a_visitor_that_refuses_ends_it_at_any_visit(void **state)
{
    const char *answer = "*4\r\n$1\r\na\r\n*1\r\n:1\r\n$-1\r\n+s\r\n";

    (void)state;
    for (int visits = 0; visits < 6; visits++) {
        struct story shape = {.refuse_after = visits, .refusal = EPROTO};
        struct story memory = {.refuse_after = visits, .refusal = ENOMEM};
        struct error error;

        assert_int_equal(read_in_chunks(answer, 1000, &shape, &error), -1);
        assert_string_equal(error.reason, "protocol");
        assert_int_equal(read_in_chunks(answer, 1000, &memory, &error), -1);
        assert_string_equal(error.reason, "memory");
        assert_int_equal(error.kind, ERROR_TRANSIENT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_items_have_depth_zero),
        cmocka_unit_test(items_of_arrays_have_a_path),
        cmocka_unit_test(answers_are_told_apart),
        cmocka_unit_test(long_strings_are_cut_and_their_size_is_told),
        cmocka_unit_test(errors_inside_an_answer_are_visited),
        cmocka_unit_test(an_error_is_the_verdict_on_its_answer_only),
        cmocka_unit_test(an_error_is_kept_as_it_came_until_the_next_answer),
        cmocka_unit_test(the_first_error_inside_is_the_verdict_for_a_visitor_without_errors),
        cmocka_unit_test(the_secret_is_not_repeated),
        cmocka_unit_test(it_knows_whether_an_answer_has_begun),
        cmocka_unit_test(garbage_is_a_protocol_error),
        cmocka_unit_test(a_server_that_speaks_tls_is_recognised),
        cmocka_unit_test(the_deepest_answer_is_taken_and_a_deeper_one_refused),
        cmocka_unit_test(a_visitor_that_refuses_ends_it_at_any_visit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
