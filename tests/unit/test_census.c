/* The groups of all shards summed up, and which of them is in the way. */
#include "consumer/stream/census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { RETAIN_MS = 60 * 1000, LATE_MS = RETAIN_MS + CENSUS_PATIENCE_MS + 1000 };

static struct groups_row row(const char *name, int64_t pending, int64_t lag, int64_t oldest_ms)
{
    return (struct groups_row){
        .name = slice_from_text(name),
        .pending = pending,
        .lag = lag,
        .oldest_ms = oldest_ms,
        .holds_back = pending + lag,
    };
}

static void add(struct census *census, struct groups_row *rows, size_t count)
{
    struct arena arena;

    arena_init(&arena, 0);
    census->arena = &arena;
    census_add(census, &(struct groups){.rows = rows, .count = count});
    census->arena = NULL;
    arena_close(&arena);
}

static void a_group_is_summed_up_over_its_shards(void **state)
{
    struct census census = {.count = 0};
    struct groups_row first[] = {row("ours", 1, 2, 3000), row("audit", 0, 0, -1)};
    struct groups_row second[] = {row("audit", 5, 0, 1999), row("ours", 10, 20, 2000)};

    (void)state;
    add(&census, first, 2);
    add(&census, second, 2);
    assert_int_equal(census.count, 2);
    assert_int_equal(census.groups, 2);
    assert_string_equal(census.rows[0].name, "ours");
    assert_int_equal(census.rows[0].unsettled, 33);
    assert_int_equal(census.rows[0].pending, 11);
    assert_int_equal(census.rows[0].oldest_s, 3);
    assert_int_equal(census.rows[0].holds_back, 33);
    assert_int_equal(census.rows[1].oldest_s, 1);
}

static void groups_beyond_the_last_row_are_counted(void **state)
{
    struct census census = {.count = 0};
    char names[2 * CENSUS_ROWS_MAX][16];
    struct groups_row rows[2 * CENSUS_ROWS_MAX];

    (void)state;
    for (size_t i = 0; i < 2 * CENSUS_ROWS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "group %zu", i);
        rows[i] = row(names[i], 0, 0, -1);
    }
    add(&census, rows, 2 * CENSUS_ROWS_MAX);
    assert_int_equal(census.count, CENSUS_ROWS_MAX);
    assert_int_equal(census.groups, 2 * CENSUS_ROWS_MAX);
}

static void names_are_made_harmless_and_cut(void **state)
{
    struct census census = {.count = 0};
    char endless[1000] = "";
    struct groups_row rows[] = {row("a\nb\x1b", 0, 0, -1), row("", 0, 0, -1)};

    (void)state;
    memset(endless, '\x01', sizeof endless - 1);
    rows[1].name = slice_from_text(endless);
    add(&census, rows, 2);
    assert_string_equal(census.rows[0].name, "a\\nb\\x1b");
    assert_int_equal(strlen(census.rows[1].name), CENSUS_NAME_MAX - 1);
}

static void who_is_in_time_is_in_nobodys_way(void **state)
{
    struct census census = {.count = 0};
    struct groups_row rows[] = {row("ours", 0, 0, -1), row("slow", 0, 9, RETAIN_MS + CENSUS_PATIENCE_MS)};

    (void)state;
    assert_null(census_blocker(&census, RETAIN_MS));
    add(&census, rows, 2);
    assert_null(census_blocker(&census, RETAIN_MS));
}

static void the_one_with_the_oldest_entry_is_named(void **state)
{
    struct census census = {.count = 0};
    struct groups_row rows[] = {row("late", 0, 1, LATE_MS), row("latest", 1, 0, 2 * LATE_MS), row("ours", 0, 0, -1)};

    (void)state;
    add(&census, rows, 3);
    assert_string_equal(census_blocker(&census, RETAIN_MS)->name, "latest");
    assert_null(census_blocker(&census, 2 * LATE_MS));
}

static void who_is_late_is_named_however_long_settled_entries_are_kept(void **state)
{
    const int64_t year_ms = INT64_C(365) * 86400 * 1000;
    struct census census = {.count = 0};
    struct groups_row in_time[] = {row("slow", 0, 1, CENSUS_LATE_MS)};
    struct groups_row late[] = {row("slow", 0, 1, CENSUS_LATE_MS + 1000)};

    (void)state;
    add(&census, in_time, 1);
    assert_null(census_blocker(&census, year_ms));
    add(&census, late, 1);
    assert_non_null(census_blocker(&census, year_ms));
}

static void what_a_group_frees_is_what_no_other_needs(void **state)
{
    struct groups_row rows[] = {{.settled = 100}, {.settled = 20}, {.settled = 70}};
    const struct groups groups = {.rows = rows, .count = 3};
    const struct groups alone = {.rows = rows, .count = 1};

    (void)state;
    assert_int_equal(groups_freed_without(&groups, 1), 50);
    assert_int_equal(groups_freed_without(&groups, 0), 0);
    assert_int_equal(groups_freed_without(&groups, 2), 0);
    assert_int_equal(groups_freed_without(&alone, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_is_summed_up_over_its_shards),
        cmocka_unit_test(groups_beyond_the_last_row_are_counted),
        cmocka_unit_test(names_are_made_harmless_and_cut),
        cmocka_unit_test(who_is_in_time_is_in_nobodys_way),
        cmocka_unit_test(the_one_with_the_oldest_entry_is_named),
        cmocka_unit_test(who_is_late_is_named_however_long_settled_entries_are_kept),
        cmocka_unit_test(what_a_group_frees_is_what_no_other_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
