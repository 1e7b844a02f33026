/* cluster_redirect: where a server sends us, in all the words that servers have for it. */
#include "proto/cluster_redirect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct redis_url_node asked = {.host = "10.0.0.7", .port = "6379"};

static struct cluster_redirect redirect_of(const char *answer)
{
    struct cluster_redirect redirect;

    if (!cluster_redirect_read(slice_from_text(answer), &asked, &redirect))
        fail_msg("not understood: %s", answer);
    return redirect;
}

static void assert_sent(const char *answer, const char *host, const char *port)
{
    struct cluster_redirect redirect = redirect_of(answer);

    assert_int_equal(redirect.slot, 3999);
    assert_string_equal(redirect.node.host, host);
    assert_string_equal(redirect.node.port, port);
}

static void moved_and_ask_tell_a_slot_and_a_node(void **state)
{
    (void)state;
    assert_int_equal(redirect_of("MOVED 3999 127.0.0.1:6381").kind, CLUSTER_MOVED);
    assert_int_equal(redirect_of("ASK 3999 127.0.0.1:6381").kind, CLUSTER_ASK);
    assert_int_equal(redirect_of("MOVED 0 a:1").slot, 0);
    assert_int_equal(redirect_of("MOVED 16383 a:1").slot, 16383);
    assert_sent("MOVED 3999 127.0.0.1:6381", "127.0.0.1", "6381");
    assert_sent("ASK 3999 redis-2.redis.svc:6379", "redis-2.redis.svc", "6379");
}

static void an_ipv6_address_stands_without_brackets(void **state)
{
    (void)state;
    assert_sent("MOVED 3999 ::1:6381", "::1", "6381");
    assert_sent("MOVED 3999 fe80::a:6381", "fe80::a", "6381");
}

static void a_host_that_goes_without_saying_is_the_one_that_was_asked(void **state)
{
    (void)state;
    assert_sent("MOVED 3999 :6381", "10.0.0.7", "6381");
}

static void what_sends_us_nowhere_is_left_to_others(void **state)
{
    static const char *const answers[] = {
        "",
        "MOVED",
        "MOVED ",
        "MOVED 3999",
        "MOVED 3999 ",
        "MOVED 3999 a",
        "MOVED 3999 a:",
        "MOVED 3999 a:0",
        "MOVED 3999 a:65536",
        "MOVED 3999 ?:6379",
        "MOVED 3999 a b:6379",
        "MOVED 3999  a:6379",
        "MOVED 16384 a:6379",
        "MOVED -1 a:6379",
        "MOVED x a:6379",
        "MOVED 3999 :",
        "ASKING 3999 a:1",
        "moved 3999 a:1",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "CLUSTERDOWN The cluster is down",
        "NOGROUP No such key",
    };

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct cluster_redirect redirect = {.slot = 77};

        if (cluster_redirect_read(slice_from_text(answers[i]), &asked, &redirect))
            fail_msg("understood: %s", answers[i]);
        assert_int_equal(redirect.slot, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moved_and_ask_tell_a_slot_and_a_node),
        cmocka_unit_test(an_ipv6_address_stands_without_brackets),
        cmocka_unit_test(a_host_that_goes_without_saying_is_the_one_that_was_asked),
        cmocka_unit_test(what_sends_us_nowhere_is_left_to_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
