/* stats_page, permits_page: what emit tells Prometheus is bounded, and says so when there is more. */
#include "producer/emit/permits_page.h"
#include "producer/emit/stats_page.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- reading a page ---------------------------------------------------------------------------------------------- */

static char *text;
static size_t size;

static FILE *begin(void)
{
    free(text);
    text = NULL;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    return out;
}

static size_t lines_with(const char *start)
{
    size_t count = 0;

    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1)
        count += strncmp(line, start, strlen(start)) == 0;
    return count;
}

static void assert_has(const char *line)
{
    if (strstr(text, line) == NULL)
        fail_msg("%s is not in\n%s", line, text);
}

static int tear_down(void **state)
{
    (void)state;
    free(text);
    text = NULL;
    return 0;
}

/* ---- producers --------------------------------------------------------------------------------------------------- */

static const struct glance living = {
    .is_held = true,
    .bytes = 10,
    .has_stats = true,
    .stats = {.worker = "w", .oldest_unsent_at_us = 1795298300000000, .counters = {.accepted = 7}},
};
static const struct glance gone = {.bytes = 1};
static const struct glance_events nothing = {.count = 0};

static void add(struct stats_page *page, unsigned number, const struct glance *glance, const struct glance_events *left)
{
    char name[STATS_PAGE_NAME_BYTES];

    snprintf(name, sizeof name, "producer-%u", number);
    assert_true(stats_page_add(page, name, glance, left));
}

static void print_stats(struct stats_page *page)
{
    FILE *out = begin();

    stats_page_print(page, "/spool", out);
    assert_int_equal(fclose(out), 0);
    stats_page_close(page);
}

static void of_a_thousand_that_live_the_counters_are_told_and_of_all_the_number(void **state)
{
    struct stats_page page = {.count = 0};

    (void)state;
    for (unsigned i = 1; i <= STATS_PAGE_PRODUCERS_MAX + 1; i++)
        add(&page, i, &living, &nothing);
    print_stats(&page);
    assert_int_equal(lines_with("taskledger_producer_accepted_total{"), STATS_PAGE_PRODUCERS_MAX);
    assert_has("taskledger_producer_accepted_total{producer=\"producer-1\",worker=\"w\"} 7\n");
    assert_has("taskledger_producer_accepted_total{producer=\"producer-1000\",worker=\"w\"} 7\n");
    assert_null(strstr(text, "producer-1001"));
    assert_has("taskledger_spool_producers{spool_dir=\"/spool\",state=\"alive\"} 1001\n");
    assert_has("taskledger_spool_bytes{spool_dir=\"/spool\"} 10010\n");
}

static void those_who_are_gone_take_no_place_of_the_living(void **state)
{
    const struct glance_events left = {.count = 2, .oldest_at_us = 1795298200000000};
    struct stats_page page = {.count = 0};

    (void)state;
    for (unsigned i = 1; i <= STATS_PAGE_PRODUCERS_MAX; i++)
        add(&page, i, &gone, &left);
    add(&page, 1001, &living, &nothing);
    print_stats(&page);
    assert_has("taskledger_producer_accepted_total{producer=\"producer-1001\",worker=\"w\"} 7\n");
    assert_has("taskledger_spool_producers{spool_dir=\"/spool\",state=\"gone\"} 1000\n");
    assert_has("taskledger_spool_left_behind{spool_dir=\"/spool\"} 2000\n");
    assert_has("taskledger_spool_oldest_unsent_timestamp_seconds{spool_dir=\"/spool\"} 1795298200.000000\n");
}

static void who_has_not_told_anything_yet_is_only_counted(void **state)
{
    const struct glance silent = {.is_held = true};
    struct stats_page page = {.count = 0};

    (void)state;
    add(&page, 1, &silent, &nothing);
    print_stats(&page);
    assert_int_equal(lines_with("taskledger_producer_accepted_total{"), 0);
    assert_has("state=\"alive\"} 1\n");
}

/* The file of a producer may say anything. */
static void a_time_that_no_clock_shows_is_not_told(void **state)
{
    struct glance odd = living;
    struct stats_page page = {.count = 0};

    (void)state;
    odd.stats.written_at_us = INT64_MAX;
    odd.stats.oldest_unsent_at_us = (uint64_t)INT64_MAX + 1;
    add(&page, 1, &odd, &nothing);
    print_stats(&page);
    assert_int_equal(lines_with("taskledger_producer_told_timestamp_seconds{"), 1);
    assert_int_equal(lines_with("taskledger_producer_oldest_unsent_timestamp_seconds{"), 0);
    assert_int_equal(lines_with("taskledger_spool_oldest_unsent_timestamp_seconds{"), 0);
}

/* ---- permits ----------------------------------------------------------------------------------------------------- */

static void print_permits(struct permits_page *page)
{
    FILE *out = begin();

    permits_page_print(page, out);
    assert_int_equal(fclose(out), 0);
    permits_page_close(page);
}

static void of_a_thousand_permits_the_use_is_told_and_of_all_the_number(void **state)
{
    struct permits_page page = {.names = 0};
    struct error error;

    (void)state;
    for (unsigned i = 1; i <= PERMITS_PAGE_MAX + 1; i++) {
        char name[32];

        snprintf(name, sizeof name, "permit-%u", i);
        assert_true(permits_page_add(&page, name, i, 1, &error));
    }
    print_permits(&page);
    assert_int_equal(lines_with("taskledger_permit_held{"), PERMITS_PAGE_MAX);
    assert_int_equal(lines_with("taskledger_permit_waiting{"), PERMITS_PAGE_MAX);
    assert_has("taskledger_permit_held{permit=\"permit-1000\"} 1000\n");
    assert_null(strstr(text, "permit-1001"));
    assert_has("taskledger_permit_names 1001\n");
}

static void the_longest_name_of_a_permit_is_told_as_it_is(void **state)
{
    char name[TERMS_PERMIT_BYTES_MAX + 1] = "";
    char line[2 * TERMS_PERMIT_BYTES_MAX];
    struct permits_page page = {.names = 0};
    struct error error;

    (void)state;
    memset(name, 'n', TERMS_PERMIT_BYTES_MAX);
    assert_true(permits_page_add(&page, name, 3, 0, &error));
    print_permits(&page);
    snprintf(line, sizeof line, "taskledger_permit_held{permit=\"%s\"} 3\n", name);
    assert_has(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_thousand_that_live_the_counters_are_told_and_of_all_the_number),
        cmocka_unit_test(those_who_are_gone_take_no_place_of_the_living),
        cmocka_unit_test(who_has_not_told_anything_yet_is_only_counted),
        cmocka_unit_test(a_time_that_no_clock_shows_is_not_told),
        cmocka_unit_test(of_a_thousand_permits_the_use_is_told_and_of_all_the_number),
        cmocka_unit_test(the_longest_name_of_a_permit_is_told_as_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, tear_down);
}
