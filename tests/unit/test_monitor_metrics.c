/* What the monitor shows to Prometheus. */
#include "replay/web/monitor_metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *print(const struct monitor_metrics_values *values)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    monitor_metrics_print(values, out);
    fclose(out);
    return text;
}

static bool tells(const struct monitor_metrics_values *values, const char *line)
{
    char *text = print(values);
    bool found = strstr(text, line) != NULL;

    free(text);
    return found;
}

static void answers_are_counted_by_status_and_time(void **state)
{
    struct monitor_metrics_values values = {.connections = 0};
    struct counts counts = {.view.sign_ins_refused = 0};

    (void)state;
    counts_init(&counts);
    counts_answer(&counts, 200, 1500);
    counts_answer(&counts, 200, 2500000);
    counts_answer(&counts, 503, 0);
    counts_answer(&counts, 418, -1);
    counts_sign_in_refused(&counts);
    counts_view(&counts, &values.counts);
    counts_close(&counts);
    assert_true(tells(&values, "\ntaskledger_monitor_requests_total{status=\"200\"} 2\n"));
    assert_true(tells(&values, "\ntaskledger_monitor_requests_total{status=\"404\"} 0\n"));
    assert_true(tells(&values, "\ntaskledger_monitor_requests_total{status=\"503\"} 1\n"));
    assert_true(tells(&values, "\ntaskledger_monitor_requests_total{status=\"other\"} 1\n"));
    assert_true(tells(&values, "\ntaskledger_monitor_request_duration_seconds_bucket{le=\"0.002\"} 3\n"));
    assert_true(tells(&values, "\ntaskledger_monitor_request_duration_seconds_bucket{le=\"+Inf\"} 4\n"));
    assert_true(tells(&values, "\ntaskledger_monitor_request_duration_seconds_count 4\n"));
    assert_true(tells(&values, "\ntaskledger_monitor_sign_ins_refused_total 1\n"));
}

static void what_is_not_known_is_not_shown(void **state)
{
    struct monitor_metrics_values values = {.group_lag = -1, .redis_up = -1, .postgresql_up = 0, .oldest_us = -1};

    (void)state;
    assert_false(tells(&values, "\ntaskledger_monitor_group_lag "));
    assert_false(tells(&values, "\ntaskledger_monitor_redis_up "));
    assert_false(tells(&values, "\ntaskledger_monitor_group_oldest_seconds "));
    assert_false(tells(&values, "\ntaskledger_monitor_feed_position_timestamp_seconds "));
    assert_true(tells(&values, "\ntaskledger_monitor_postgresql_up 0\n"));
    values.oldest_us = 1500000;
    assert_true(tells(&values, "\ntaskledger_monitor_group_oldest_seconds 1.500000\n"));
}

static void each_name_is_told_once_and_described(void **state)
{
    struct monitor_metrics_values values = {.connections = 0};
    char *text = print(&values);
    const char *help = text;
    size_t names = 0;

    (void)state;
    while ((help = strstr(help, "# HELP ")) != NULL) {
        char name[128];
        assert_int_equal(sscanf(help, "# HELP %127s", name), 1);
        help += strlen("# HELP ");
        char again[160];
        snprintf(again, sizeof again, "# HELP %s ", name);
        assert_null(strstr(help, again));
        snprintf(again, sizeof again, "# TYPE %s ", name);
        assert_non_null(strstr(help, again));
        names++;
    }
    assert_true(names > 20);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_counted_by_status_and_time),
        cmocka_unit_test(what_is_not_known_is_not_shown),
        cmocka_unit_test(each_name_is_told_once_and_described),
    };

    return cmocka_run_group_tests_name("monitor_metrics", tests, NULL, NULL);
}
