/* What is counted, as Prometheus reads it. */
#include "consumer/daemon/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char page[64 * 1024];

static const char *print(const struct metrics_values *values)
{
    FILE *out = fmemopen(page, sizeof page, "w");

    assert_non_null(out);
    if (values == NULL)
        metrics_print_markdown(out);
    else
        metrics_print(values, out);
    assert_int_equal(fclose(out), 0);
    return page;
}

static void assert_has_line(const char *text, const char *line)
{
    char wanted[256];

    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if (strstr(text, wanted) == NULL)
        fail_msg("no line \"%s\"", line);
}

static void counters_gauges_and_times_stand_on_lines_of_their_own(void **state)
{
    struct metrics_values values = {
        .apply.events = 12345678901234,
        .redis_up = 1,
        .last_commit_us = 1795300424000005,
    };

    (void)state;
    const char *text = print(&values);
    assert_has_line(text, "taskledger_consumer_events_applied_total 12345678901234");
    assert_has_line(text, "taskledger_redis_up 1");
    assert_has_line(text, "taskledger_postgresql_up 0");
    assert_has_line(text, "taskledger_consumer_last_commit_timestamp_seconds 1795300424.000005");
}

static void a_time_that_is_not_known_is_not_printed(void **state)
{
    struct metrics_values values = {.start_us = 1};

    (void)state;
    assert_null(strstr(print(&values), "last_commit_timestamp_seconds "
                                       "0"));
    assert_has_line(page, "process_start_time_seconds 0.000001");
}

static void reasons_become_labels(void **state)
{
    struct metrics_values values = {.apply.rejected[APPLY_OVERSIZED] = 3};

    (void)state;
    tally_add(&values.retries, "deadlock");
    tally_add(&values.retries, "connection");
    tally_add(&values.retries, "deadlock");
    const char *text = print(&values);
    assert_has_line(text, "taskledger_consumer_rejected_total{reason=\"oversized\"} 3");
    assert_has_line(text, "taskledger_consumer_rejected_total{reason=\"invalid\"} 0");
    assert_has_line(text, "taskledger_consumer_retries_total{reason=\"deadlock\"} 2");
    assert_has_line(text, "taskledger_consumer_retries_total{reason=\"connection\"} 1");
}

static void what_is_said_of_tasks_is_told_by_status(void **state)
{
    struct metrics_values values = {.apply.statuses[STATUS_SUCCESS] = 3};

    (void)state;
    const char *text = print(&values);
    assert_has_line(text, "taskledger_consumer_task_events_total{status=\"SUCCESS\"} 3");
    assert_has_line(text, "taskledger_consumer_task_events_total{status=\"PARTIAL_FAILURE\"} 0");
    assert_null(strstr(text, "UNSPECIFIED"));
}

static void each_shard_has_its_sample(void **state)
{
    const struct survey_shard shards[] = {{.length = 5, .lag = 2}, {.length = 7, .pending = 1}};
    struct metrics_values values = {.shards = shards, .shard_count = 2};

    (void)state;
    const char *text = print(&values);
    assert_has_line(text, "taskledger_stream_length{shard=\"0\"} 5");
    assert_has_line(text, "taskledger_stream_length{shard=\"1\"} 7");
    assert_has_line(text, "taskledger_group_lag{shard=\"0\"} 2");
    assert_has_line(text, "taskledger_group_pending{shard=\"1\"} 1");
}

static void histograms_are_cumulative_and_in_the_unit_of_their_name(void **state)
{
    struct metrics_values values = {0};

    (void)state;
    histogram_add(&values.apply.delay_us, &histogram_delay_us, 1000);
    histogram_add(&values.apply.delay_us, &histogram_delay_us, 1001);
    histogram_add(&values.apply.delay_us, &histogram_delay_us, 7200000000);
    const char *text = print(&values);
    assert_has_line(text, "taskledger_consumer_event_delay_seconds_bucket{le=\"0.001\"} 1");
    assert_has_line(text, "taskledger_consumer_event_delay_seconds_bucket{le=\"0.002\"} 2");
    assert_has_line(text, "taskledger_consumer_event_delay_seconds_bucket{le=\"3600\"} 2");
    assert_has_line(text, "taskledger_consumer_event_delay_seconds_bucket{le=\"+Inf\"} 3");
    assert_has_line(text, "taskledger_consumer_event_delay_seconds_count 3");
    assert_non_null(strstr(text, "\ntaskledger_consumer_event_delay_seconds_sum 7200.002"));
}

static void rows_of_one_name_have_one_description(void **state)
{
    struct metrics_values values = {.claim.dead = 1, .claim.idle = 2};
    const char *help = "# HELP taskledger_consumer_claimed_total ";

    (void)state;
    const char *first = strstr(print(&values), help);
    assert_non_null(first);
    assert_null(strstr(first + 1, help));
    assert_has_line(page, "taskledger_consumer_claimed_total{from=\"dead\"} 1");
    assert_has_line(page, "taskledger_consumer_claimed_total{from=\"idle\"} 2");
}

static void the_page_for_people_lists_each_name_once(void **state)
{
    (void)state;
    const char *text = print(NULL);
    const char *row = "| `taskledger_consumer_claimed_total` | counter | `from=\"dead\"`, `from=\"idle\"` | ";
    assert_non_null(strstr(text, row));
    assert_null(strstr(strstr(text, row) + 1, "| `taskledger_consumer_claimed_total`"));
    assert_non_null(strstr(text, "| `taskledger_group_lag` | gauge | `shard` | "));
}

static void words_without_room_are_counted_together(void **state)
{
    static char words[2 * TALLY_WORDS_MAX][8];
    struct tally tally = {.count = 0};

    (void)state;
    for (size_t i = 0; i < 2 * TALLY_WORDS_MAX; i++) {
        snprintf(words[i], sizeof words[i], "w%zu", i);
        tally_add(&tally, words[i]);
    }
    tally_add(&tally, "w0");
    assert_int_equal(tally.count, TALLY_WORDS_MAX);
    assert_int_equal(tally.rows[0].count, 2);
    assert_string_equal(tally.rows[TALLY_WORDS_MAX - 1].word, "other");
    assert_int_equal(tally.rows[TALLY_WORDS_MAX - 1].count, TALLY_WORDS_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_gauges_and_times_stand_on_lines_of_their_own),
        cmocka_unit_test(a_time_that_is_not_known_is_not_printed),
        cmocka_unit_test(reasons_become_labels),
        cmocka_unit_test(what_is_said_of_tasks_is_told_by_status),
        cmocka_unit_test(each_shard_has_its_sample),
        cmocka_unit_test(histograms_are_cumulative_and_in_the_unit_of_their_name),
        cmocka_unit_test(rows_of_one_name_have_one_description),
        cmocka_unit_test(the_page_for_people_lists_each_name_once),
        cmocka_unit_test(words_without_room_are_counted_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
