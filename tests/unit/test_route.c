/* How a request is read by the table of addresses. The request itself is a false one. */
#include "replay/web/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "proto/status.h"

static void serve(const struct question *question)
{
    (void)question;
}

static const struct route_parameter parameters[] = {
    {"status", ROUTE_STATUSES, 0, 0, 0},    {"name", ROUTE_TEXT, 1, 4, 0}, {"task", ROUTE_TEXTS, 1, 4, 0},
    {"limit", ROUTE_INTEGER, 1, 1000, 100}, {"raw", ROUTE_FLAG, 0, 0, 0},  {"since", ROUTE_TIME, 0, 0, -1},
};

static const struct route table[] = {
    {.method = "GET", .pattern = "/api/tasks", .serve = serve},
    {.method = "GET",
     .pattern = "/api/tasks/{id}",
     .parameters = parameters,
     .parameter_count = sizeof parameters / sizeof *parameters,
     .serve = serve},
    {.method = "GET", .pattern = "/api/tasks/{id}/history", .serve = serve},
    {.method = "POST", .pattern = "/login", .is_open = true, .serve = serve},
    {.method = "GET", .pattern = "/page/{file}", .is_open = true, .serve = serve},
};

enum { ROUTES = sizeof table / sizeof *table };

/* ---- a false request --------------------------------------------------------------------------------------------- */

static struct {
    const char *names[SERVER_QUERY_MAX];
    const char *values[SERVER_QUERY_MAX];
    size_t count;
} query;

const char *server_query_name(const struct server_exchange *exchange, size_t index)
{
    (void)exchange;
    return index < query.count ? query.names[index] : NULL;
}

bool server_query(const struct server_exchange *exchange, const char *name, size_t index, struct slice *value)
{
    (void)exchange;
    for (size_t i = 0; i < query.count; i++) {
        if (strcmp(query.names[i], name) != 0 || index-- > 0)
            continue;
        *value = slice_from_text(query.values[i]);
        return true;
    }
    return false;
}

/* What these tests need of it: "%2F", and that "%" alone is none. */
bool server_decode(struct slice text, char *decoded, size_t *size)
{
    *size = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool is_code = text.data[i] == '%';
        if (is_code && (text.size - i < 3 || memcmp(text.data + i, "%2F", 3) != 0))
            return false;
        decoded[(*size)++] = is_code ? '/' : (char)text.data[i];
        i += is_code ? 2 : 0;
    }
    return true;
}

static void say(const char *name, const char *value)
{
    query.names[query.count] = name;
    query.values[query.count++] = value;
}

static int forget(void **state)
{
    (void)state;
    query.count = 0;
    return 0;
}

/* ---- which row --------------------------------------------------------------------------------------------------- */

static struct route_found find(const char *method, const char *path)
{
    return route_find(table, ROUTES, method, slice_from_text(path));
}

static bool finds(const char *method, const char *path, size_t row, const char *part)
{
    struct route_found found = find(method, path);

    return found.route == &table[row] && found.has_method && slice_equal(found.part, slice_from_text(part));
}

static bool finds_nothing(const char *path)
{
    struct route_found found = find("GET", path);

    return found.route == NULL && !found.has_method;
}

static void an_address_is_found_by_its_whole_path(void **state)
{
    (void)state;
    assert_true(finds("GET", "/api/tasks", 0, ""));
    assert_true(finds("GET", "/api/tasks/a", 1, "a"));
    assert_true(finds("GET", "/api/tasks/a%2Fb", 1, "a%2Fb"));
    assert_true(finds("GET", "/api/tasks/a/history", 2, "a"));
    assert_true(finds("HEAD", "/api/tasks", 0, ""));
    assert_true(finds_nothing("/api/tasks/"));
    assert_true(finds_nothing("/api/tasks/a/"));
    assert_true(finds_nothing("/api/tasks//history"));
    assert_true(finds_nothing("/api/tasks/a/histor"));
    assert_true(finds_nothing("/api/tasks/a/history/b"));
    assert_true(finds_nothing("/api/task"));
    assert_true(finds_nothing(""));
}

static bool wants_another(const char *method, const char *path, const char *wanted)
{
    struct route_found found = find(method, path);

    return found.route != NULL && !found.has_method && strcmp(found.route->method, wanted) == 0;
}

static void a_method_that_it_does_not_have_is_told_apart(void **state)
{
    (void)state;
    assert_true(wants_another("POST", "/api/tasks", "GET"));
    assert_true(wants_another("GET", "/login", "POST"));
    assert_true(wants_another("HEAD", "/login", "POST"));
    assert_true(finds("POST", "/login", 3, ""));
}

/* ---- its values -------------------------------------------------------------------------------------------------- */

static bool read_row(struct question *question, size_t row, const char *part, struct error *error)
{
    *question = (struct question){.route = &table[row]};
    return route_read(question, slice_from_text(part), error);
}

static bool reads(struct question *question, const char *part)
{
    struct error error = {.kind = ERROR_NONE};

    return read_row(question, 1, part, &error);
}

/* Refused, with these words. */
static bool refuses(const char *part, const char *words)
{
    struct error error = {.kind = ERROR_NONE};
    struct question question;

    if (read_row(&question, 1, part, &error) || error.kind != ERROR_REJECTED || strstr(error.text, words) == NULL)
        return false;
    forget(NULL);
    return true;
}

static void the_part_in_braces_is_decoded_and_the_query_wins(void **state)
{
    struct question question;

    (void)state;
    assert_true(reads(&question, "a%2Fb"));
    assert_true(slice_equal(question.part, slice_from_text("a/b")));
    say("id", "..");
    assert_true(reads(&question, "-"));
    assert_true(slice_equal(question.part, slice_from_text("..")));
}

static void an_id_that_is_none_is_refused(void **state)
{
    char long_id[ROUTE_PART_BYTES_MAX + 2];

    (void)state;
    memset(long_id, 'x', sizeof long_id);
    long_id[ROUTE_PART_BYTES_MAX + 1] = '\0';
    assert_true(refuses(long_id, "id: expected 1 to 255 bytes"));
    assert_true(refuses("%4", "id: cannot be decoded"));
    assert_true(refuses("\xff", "id: expected"));
    say("id", "");
    assert_true(refuses("a", "id: expected"));
}

static void values_are_read_by_their_types(void **state)
{
    struct question question;
    struct slice text;

    (void)state;
    say("status", "RUNNING,retry");
    say("status", "FAILURE");
    say("name", "abcd");
    say("task", "a");
    say("task", "b,c");
    say("limit", "1000");
    say("raw", "1");
    say("since", "1970-01-01T00:00:01Z");
    assert_true(reads(&question, "x"));
    assert_int_equal(route_value(&question, "status")->integer,
                     1 << STATUS_RUNNING | 1 << STATUS_RETRY | 1 << STATUS_FAILURE);
    assert_true(slice_equal(route_value(&question, "name")->text, slice_from_text("abcd")));
    assert_true(slice_equal(route_value(&question, "task")->text, slice_from_text("a")));
    assert_true(route_text(&question, "task", 1, &text) && slice_equal(text, slice_from_text("b,c")));
    assert_false(route_text(&question, "task", 2, &text));
    assert_int_equal(route_value(&question, "limit")->integer, 1000);
    assert_int_equal(route_value(&question, "raw")->integer, 1);
    assert_int_equal(route_value(&question, "since")->integer, 1000000);
}

static void what_is_not_given_has_its_default(void **state)
{
    struct question question;

    (void)state;
    assert_true(reads(&question, "x"));
    assert_int_equal(route_value(&question, "status")->integer, 0);
    assert_int_equal(route_value(&question, "limit")->integer, 100);
    assert_int_equal(route_value(&question, "since")->integer, -1);
    assert_false(route_value(&question, "name")->is_given);
    assert_int_equal(route_value(&question, "name")->text.size, 0);
}

static bool refuses_value(const char *name, const char *value, const char *words)
{
    say(name, value);
    return refuses("x", words);
}

static void what_does_not_keep_to_its_bounds_is_refused(void **state)
{
    (void)state;
    assert_true(refuses_value("limit", "0", "limit: expected a number from 1 to 1000, found \"0\""));
    assert_true(refuses_value("limit", "1001", "limit"));
    assert_true(refuses_value("limit", "", "limit"));
    assert_true(refuses_value("limit", "-1", "limit"));
    assert_true(refuses_value("limit", "1e2", "limit"));
    assert_true(refuses_value("limit", "99999999999999999999999", "limit"));
    assert_true(refuses_value("raw", "yes", "raw: expected 0 or 1"));
    assert_true(refuses_value("since", "yesterday", "since: expected a time"));
    assert_true(refuses_value("name", "", "name: expected 1 to 4 bytes"));
    assert_true(refuses_value("name", "abcde", "name: expected 1 to 4 bytes"));
    assert_true(refuses_value("name", "\xc3", "name"));
    assert_true(refuses_value("status", "", "status: there is no status \"\""));
    assert_true(refuses_value("status", "RUNNING,", "status"));
    assert_true(refuses_value("status", "DONE", "status: there is no status \"DONE\""));
    assert_true(refuses_value("raw", "\xff", "found \"\""));
}

static void what_the_row_does_not_have_is_refused(void **state)
{
    (void)state;
    assert_true(refuses_value("statu", "RUNNING", "there is no parameter \"statu\" here"));
    say("limit", "1");
    say("limit", "2");
    assert_true(refuses("x", "limit: given more than once"));
}

static void the_query_of_an_open_address_is_not_looked_at(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct question question;

    (void)state;
    say("refused", "");
    say("file", "other.js");
    assert_true(read_row(&question, 3, "", &error));
    assert_true(read_row(&question, 4, "main.js", &error));
    assert_true(slice_equal(question.part, slice_from_text("main.js")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_address_is_found_by_its_whole_path, forget),
        cmocka_unit_test_setup(a_method_that_it_does_not_have_is_told_apart, forget),
        cmocka_unit_test_setup(the_part_in_braces_is_decoded_and_the_query_wins, forget),
        cmocka_unit_test_setup(an_id_that_is_none_is_refused, forget),
        cmocka_unit_test_setup(values_are_read_by_their_types, forget),
        cmocka_unit_test_setup(what_is_not_given_has_its_default, forget),
        cmocka_unit_test_setup(what_does_not_keep_to_its_bounds_is_refused, forget),
        cmocka_unit_test_setup(what_the_row_does_not_have_is_refused, forget),
        cmocka_unit_test_setup(the_query_of_an_open_address_is_not_looked_at, forget),
    };

    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
