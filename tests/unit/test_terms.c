#include "producer/lease/terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WORKER "worker-1"

static struct taskledger_claim_request a_claim(void)
{
    struct taskledger_claim_request request = TASKLEDGER_CLAIM_INIT;

    request.task_id = "order-4711";
    return request;
}

static struct taskledger_permit_request a_permit(void)
{
    struct taskledger_permit_request request = TASKLEDGER_PERMIT_INIT;

    request.name = "api";
    request.limit = 5;
    return request;
}

static void assert_claim_refused(const struct taskledger_claim_request *request, const char *text)
{
    struct terms terms = {.limit = 4711};
    struct error error;

    assert_false(terms_of_claim(request, WORKER, &terms, &error));
    assert_string_equal(error.reason, "invalid");
    assert_string_equal(error.text, text);
    assert_int_equal(terms.limit, 4711);
}

static void assert_permit_refused(const struct taskledger_permit_request *request, const char *text)
{
    struct terms terms;
    struct error error;

    assert_false(terms_of_permit(request, WORKER, &terms, &error));
    assert_string_equal(error.reason, "invalid");
    assert_string_equal(error.text, text);
}

static void what_is_not_given_takes_its_default(void **state)
{
    struct taskledger_claim_request claim = a_claim();
    struct terms terms;
    struct error error;

    (void)state;
    assert_true(terms_of_claim(&claim, WORKER, &terms, &error));
    assert_false(terms.is_permit);
    assert_string_equal(terms.name, "order-4711");
    assert_string_equal(terms.holder, WORKER);
    assert_int_equal(terms.lease_ms, 30000);
    assert_int_equal(terms.wait_ms, 0);
    assert_int_equal(terms.timeout_ms, 2000);
}

static void what_is_given_is_taken(void **state)
{
    struct taskledger_permit_request permit = a_permit();
    struct terms terms;
    struct error error;

    (void)state;
    permit.holder = "me";
    permit.local_limit = 2;
    permit.lease_ms = 1000;
    permit.wait_ms = INT32_MAX;
    permit.timeout_ms = 1;
    assert_true(terms_of_permit(&permit, WORKER, &terms, &error));
    assert_true(terms.is_permit);
    assert_string_equal(terms.name, "api");
    assert_string_equal(terms.holder, "me");
    assert_int_equal(terms.limit, 5);
    assert_int_equal(terms.local_limit, 2);
    assert_int_equal(terms.lease_ms, 1000);
    assert_int_equal(terms.wait_ms, INT32_MAX);
    assert_int_equal(terms.timeout_ms, 1);
}

static void a_shorter_struct_of_an_older_header_is_filled_up(void **state)
{
    struct taskledger_claim_request claim = a_claim();
    struct terms terms;
    struct error error;

    (void)state;
    claim.lease_ms = 5;
    claim.struct_size = offsetof(struct taskledger_claim_request, lease_ms);
    assert_true(terms_of_claim(&claim, WORKER, &terms, &error));
    assert_int_equal(terms.lease_ms, 30000);
    claim.struct_size = 0;
    assert_claim_refused(&claim, "struct_size: not set; begin with TASKLEDGER_*_INIT");
    assert_claim_refused(NULL, "request: missing");
    assert_permit_refused(NULL, "request: missing");
}

static void a_name_has_its_limits(void **state)
{
    struct taskledger_claim_request claim = a_claim();
    char text[258];
    struct terms terms;
    struct error error;

    (void)state;
    claim.task_id = NULL;
    assert_claim_refused(&claim, "task_id: missing");
    claim.task_id = "";
    assert_claim_refused(&claim, "task_id: missing");
    claim.task_id = "a\xff";
    assert_claim_refused(&claim, "task_id: byte 1 is not UTF-8");
    memset(text, 'x', sizeof text);
    text[256] = '\0';
    claim.task_id = text;
    assert_claim_refused(&claim, "task_id: 256 bytes, at most 255");
    text[255] = '\0';
    assert_true(terms_of_claim(&claim, WORKER, &terms, &error));
    claim.holder = text;
    assert_true(terms_of_claim(&claim, WORKER, &terms, &error));
    text[255] = 'x';
    claim.task_id = "t";
    assert_claim_refused(&claim, "holder: 256 bytes, at most 255");
}

static void a_permit_has_a_plain_name_and_a_limit(void **state)
{
    struct taskledger_permit_request permit = a_permit();
    char text[102];

    (void)state;
    permit.name = "a{b";
    assert_permit_refused(&permit, "name: braces are not allowed");
    memset(text, 'x', sizeof text);
    text[101] = '\0';
    permit.name = text;
    assert_permit_refused(&permit, "name: 101 bytes, at most 100");
    permit = a_permit();
    permit.limit = 0;
    assert_permit_refused(&permit, "limit: expected 1 to 10000, found 0");
    permit.limit = 10001;
    assert_permit_refused(&permit, "limit: expected 1 to 10000, found 10001");
}

static void times_have_their_limits(void **state)
{
    struct taskledger_claim_request claim = a_claim();

    (void)state;
    claim.lease_ms = 999;
    assert_claim_refused(&claim, "lease_ms: expected 0 for the default, or 1000 to 86400000, found 999");
    claim.lease_ms = 86400001;
    assert_claim_refused(&claim, "lease_ms: expected 0 for the default, or 1000 to 86400000, found 86400001");
    claim = a_claim();
    claim.wait_ms = -1;
    assert_claim_refused(&claim, "wait_ms: -1 is negative");
    claim = a_claim();
    claim.timeout_ms = -5;
    assert_claim_refused(&claim, "timeout_ms: -5 is negative");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_given_takes_its_default),
        cmocka_unit_test(what_is_given_is_taken),
        cmocka_unit_test(a_shorter_struct_of_an_older_header_is_filled_up),
        cmocka_unit_test(a_name_has_its_limits),
        cmocka_unit_test(a_permit_has_a_plain_name_and_a_limit),
        cmocka_unit_test(times_have_their_limits),
    };

    return cmocka_run_group_tests_name("terms", tests, NULL, NULL);
}
