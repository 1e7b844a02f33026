/* Which streams cannot be the one that was seen before. */
#include "consumer/recovery/heads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The head at entry `last`, the IDs being the numbers of the entries. */
static struct heads_head head(uint64_t last)
{
    return (struct heads_head){.last = {.ms = last}, .added = (int64_t)last};
}

/* A stream with all entries from `first` to `last`. */
static struct survey_shard stream(uint64_t first, uint64_t last)
{
    return (struct survey_shard){
        .exists = true,
        .facts = {.length = (int64_t)(last - first + 1),
                  .added = (int64_t)last,
                  .first = {.ms = first},
                  .last = {.ms = last}},
    };
}

static void assert_went_back(bool expected, struct heads_head known, struct survey_shard now)
{
    assert_int_equal(heads_went_back(&known, &now), expected);
}

static void a_stream_that_goes_on_has_not_gone_back(void **state)
{
    (void)state;
    assert_went_back(false, head(100), stream(1, 100));
    assert_went_back(false, head(100), stream(1, 101));
    assert_went_back(false, head(100), stream(90, 500)); /* trimmed */
    assert_went_back(false, head(100), stream(101, 500));
    assert_went_back(false, head(100), stream(400, 500));
}

static void nothing_is_less_than_nothing(void **state)
{
    const struct heads_head unknown = {.added = -1};

    (void)state;
    assert_went_back(false, unknown, (struct survey_shard){.exists = false});
    assert_went_back(false, unknown, stream(1, 3));
}

static void a_stream_that_is_gone_went_back(void **state)
{
    (void)state;
    assert_went_back(true, head(100), (struct survey_shard){.exists = false});
    assert_went_back(true, head(100), (struct survey_shard){.exists = true});
}

static void a_stream_without_its_group_is_another_when_all_it_has_is_newer(void **state)
{
    const struct stream_id last = {.ms = 100}, none = {0};
    struct survey_shard another = {.exists = true,
                                   .facts = {.length = 2, .added = 2, .first = {.ms = 101}, .last = {.ms = 102}}};
    struct survey_shard trimmed = stream(101, 500);
    struct survey_shard same = stream(1, 100);
    struct survey_shard empty = {.exists = true};

    (void)state;
    assert_true(heads_is_another(last, &another));
    assert_true(heads_is_another(last, &empty));
    assert_false(heads_is_another(last, &trimmed));
    assert_false(heads_is_another(last, &same));
    assert_false(heads_is_another(none, &another));
}

static void a_lesser_last_id_went_back(void **state)
{
    (void)state;
    assert_went_back(true, head(100), stream(1, 99));
}

static void fewer_entries_ever_added_went_back(void **state)
{
    struct survey_shard now = stream(101, 120);

    (void)state;
    now.facts.added = 20;
    assert_went_back(true, head(100), now);
}

/* 150 entries, all later than the 100 that were seen, and only 50 added since: they are another stream's. */
static void a_stream_that_has_outgrown_the_one_it_replaced_went_back(void **state)
{
    struct survey_shard now = stream(101, 250);

    (void)state;
    now.facts.added = 150;
    assert_went_back(true, head(100), now);
    now.facts.added = 250;
    assert_went_back(false, head(100), now);
}

static void without_a_count_only_ids_tell(void **state)
{
    struct survey_shard now = stream(101, 120);
    struct heads_head known = head(100);

    (void)state;
    now.facts.added = -1;
    assert_went_back(false, known, now);
    known.added = -1;
    assert_went_back(false, known, stream(101, 120));
    assert_went_back(true, known, stream(1, 99));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_that_goes_on_has_not_gone_back),
        cmocka_unit_test(nothing_is_less_than_nothing),
        cmocka_unit_test(a_stream_that_is_gone_went_back),
        cmocka_unit_test(a_stream_without_its_group_is_another_when_all_it_has_is_newer),
        cmocka_unit_test(a_lesser_last_id_went_back),
        cmocka_unit_test(fewer_entries_ever_added_went_back),
        cmocka_unit_test(a_stream_that_has_outgrown_the_one_it_replaced_went_back),
        cmocka_unit_test(without_a_count_only_ids_tell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
