/* Who may look at the monitor. */
#include "replay/web/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char TOKEN[] = "correct-horse-battery";

static const struct access_rules OPEN = {.hosts = "ledger.example.org, other"};
static const struct access_rules GUARDED = {.token = TOKEN};
static const struct access_rules BEHIND_PROXY = {.proxy_header = "X-User"};

static bool is_for_us(const char *host)
{
    struct access_request request = {.host = slice_from_text(host)};

    return access_is_for_us(&OPEN, &request);
}

static enum access_verdict by_authorization(const char *words)
{
    struct access_request request = {.authorization = slice_from_text(words), .peer = "127.0.0.1"};

    return access_of(&GUARDED, &request);
}

static enum access_verdict by_cookie(const char *words)
{
    struct access_request request = {.cookie = slice_from_text(words), .peer = "127.0.0.1"};

    return access_of(&GUARDED, &request);
}

static bool may_listen(const struct access_rules *rules, const char *listen)
{
    struct error error;

    return access_check(rules, listen, &error);
}

static void addresses_localhost_and_named_hosts_are_ours(void **state)
{
    const char *const ours[] = {"localhost", "LOCALHOST:9465",     "127.0.0.1:9465", "[::1]:9465",
                                "10.1.2.3",  "Ledger.Example.Org", "other:80"};
    const char *const others[] = {"",      "evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
                                  ":9465", "::1",          "ledger.example.org.",    "othe",
                                  "[evil]"};

    (void)state;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!is_for_us(ours[i]))
            fail_msg("%s is ours", ours[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (is_for_us(others[i]))
            fail_msg("%s is not ours", others[i]);
}

static void without_rules_whoever_can_connect_may_look(void **state)
{
    struct access_request request = {.peer = "127.0.0.1"};

    (void)state;
    assert_int_equal(access_of(&OPEN, &request), ACCESS_GRANTED);
}

static void the_token_opens_and_nothing_near_it(void **state)
{
    (void)state;
    assert_int_equal(by_authorization("Bearer correct-horse-battery"), ACCESS_GRANTED);
    assert_int_equal(by_authorization("bearer correct-horse-battery"), ACCESS_GRANTED);
    assert_int_equal(by_authorization("Bearer correct-horse-batter"), ACCESS_SIGN_IN);
    assert_int_equal(by_authorization("Bearer correct-horse-battery2"), ACCESS_SIGN_IN);
    assert_int_equal(by_authorization("Bearer "), ACCESS_SIGN_IN);
    assert_int_equal(by_authorization("Basic correct-horse-battery"), ACCESS_SIGN_IN);
    assert_int_equal(by_authorization(""), ACCESS_SIGN_IN);
}

static void the_cookie_of_the_token_opens_and_is_not_the_token(void **state)
{
    char cookie[ACCESS_COOKIE_BYTES];
    char among[ACCESS_COOKIE_BYTES + 32];

    (void)state;
    assert_true(access_cookie(&GUARDED, cookie));
    assert_null(strstr(cookie, TOKEN));
    assert_int_equal(by_cookie(cookie), ACCESS_GRANTED);
    snprintf(among, sizeof among, "a=b; %s; c=d", cookie);
    assert_int_equal(by_cookie(among), ACCESS_GRANTED);
    assert_int_equal(by_cookie("taskledger_monitor=correct-horse-battery"), ACCESS_SIGN_IN);
    assert_int_equal(by_cookie("a=b"), ACCESS_SIGN_IN);

    struct access_rules changed = {.token = "another-horse-battery"};
    struct access_request request = {.cookie = slice_from_text(cookie), .peer = ""};
    assert_int_equal(access_of(&changed, &request), ACCESS_SIGN_IN);
}

static void a_proxy_is_believed_only_on_this_machine(void **state)
{
    struct access_request request = {.proxy_user = slice_from_text("ada"), .peer = "127.0.0.1"};

    (void)state;
    assert_int_equal(access_of(&BEHIND_PROXY, &request), ACCESS_GRANTED);
    request.peer = "10.0.0.1";
    assert_int_equal(access_of(&BEHIND_PROXY, &request), ACCESS_SIGN_IN);
    request.peer = "";
    assert_int_equal(access_of(&BEHIND_PROXY, &request), ACCESS_SIGN_IN);
    request = (struct access_request){.peer = "::1"};
    assert_int_equal(access_of(&BEHIND_PROXY, &request), ACCESS_SIGN_IN);
}

static void without_rules_only_loopback_is_listened_at(void **state)
{
    (void)state;
    assert_true(may_listen(&OPEN, "127.0.0.1:9465"));
    assert_true(may_listen(&OPEN, "[::1]:9465"));
    assert_true(may_listen(&OPEN, "localhost:9465"));
    assert_false(may_listen(&OPEN, ":9465"));
    assert_false(may_listen(&OPEN, "0.0.0.0:9465"));
    assert_false(may_listen(&OPEN, "[::]:9465"));
    assert_false(may_listen(&OPEN, "ledger.example.org:9465"));
    assert_true(may_listen(&GUARDED, ":9465"));
    assert_true(may_listen(&BEHIND_PROXY, ":9465"));
    assert_false(may_listen(&(struct access_rules){.token = "short"}, "127.0.0.1:9465"));
    assert_false(may_listen(&(struct access_rules){.token = "a token with blanks"}, "127.0.0.1:9465"));
}

static bool counts_as(const struct access_rules *rules, const char *peer, const char *user, const char *name)
{
    struct access_request request = {.peer = peer, .proxy_user = slice_from_text(user)};
    char client[ACCESS_CLIENT_BYTES_MAX];

    return slice_equal(access_client(rules, &request, ACCESS_MAY_LOOK, client), slice_from_text(name));
}

static void requests_are_counted_by_address_or_by_whom_the_proxy_names(void **state)
{
    (void)state;
    assert_true(counts_as(&OPEN, "192.0.2.1", NULL, "looks, address 192.0.2.1"));
    assert_true(counts_as(&OPEN, "2001:db8:1:2:3:4:5:6", NULL, "looks, net 20010db800010002"));
    assert_true(counts_as(&OPEN, "2001:db8:1:2::1", NULL, "looks, net 20010db800010002"));
    assert_true(counts_as(&OPEN, "127.0.0.1", "alice", "looks, address 127.0.0.1"));
    assert_true(counts_as(&BEHIND_PROXY, "127.0.0.1", "alice", "looks, user alice"));
    assert_true(counts_as(&BEHIND_PROXY, "192.0.2.1", "alice", "looks, address 192.0.2.1"));
}

static void who_may_look_is_counted_apart_from_who_may_not(void **state)
{
    const struct access_request request = {.peer = "192.0.2.1"};
    char looks[ACCESS_CLIENT_BYTES_MAX], may_not[ACCESS_CLIENT_BYTES_MAX], signs_in[ACCESS_CLIENT_BYTES_MAX];
    struct slice one = access_client(&GUARDED, &request, ACCESS_MAY_LOOK, looks);
    struct slice two = access_client(&GUARDED, &request, ACCESS_MAY_NOT, may_not);
    struct slice three = access_client(&GUARDED, &request, ACCESS_SIGNS_IN, signs_in);

    (void)state;
    assert_false(slice_equal(one, two));
    assert_false(slice_equal(one, three));
    assert_false(slice_equal(two, three));
}

static void a_form_is_taken_from_our_own_page_only(void **state)
{
    struct access_request request = {.host = slice_from_text("localhost:9465")};

    (void)state;
    assert_true(access_is_from_us(&request));
    request.origin = slice_from_text("http://localhost:9465");
    assert_true(access_is_from_us(&request));
    request.origin = slice_from_text("https://localhost:9465");
    assert_true(access_is_from_us(&request));
    request.origin = slice_from_text("http://localhost:80");
    assert_false(access_is_from_us(&request));
    request.origin = slice_from_text("null");
    assert_false(access_is_from_us(&request));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_localhost_and_named_hosts_are_ours),
        cmocka_unit_test(without_rules_whoever_can_connect_may_look),
        cmocka_unit_test(the_token_opens_and_nothing_near_it),
        cmocka_unit_test(the_cookie_of_the_token_opens_and_is_not_the_token),
        cmocka_unit_test(a_proxy_is_believed_only_on_this_machine),
        cmocka_unit_test(without_rules_only_loopback_is_listened_at),
        cmocka_unit_test(requests_are_counted_by_address_or_by_whom_the_proxy_names),
        cmocka_unit_test(who_may_look_is_counted_apart_from_who_may_not),
        cmocka_unit_test(a_form_is_taken_from_our_own_page_only),
    };

    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
