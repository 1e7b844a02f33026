/* links: whatever order a producer's events come in, and however little memory there is, the same runs come out. */
#include "replay/verify/links.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { EVENTS_MAX = 64, PRODUCERS = 1500, EVENTS_EACH = 40, COLLIDING = 20000, LITTLE_BYTES = 1, HEARD_BYTES = 1024 };

/* ---- a story in a line, and the runs that come of it ------------------------------------------------------------
 *
 * Words of one producer's events, in the order of their numbers:
 *   e     an event that carries the digest of the one before
 *   -     a number that is not there
 *   !     an event that carries another digest
 *   0     an event that carries none
 *   ?     what it carries is not known; x: nor is its digest
 *   c     the producer's end */

struct said {
    struct link link;
    struct digest previous;
    struct digest own;
};

static struct digest digest_of(uint64_t number)
{
    struct digest digest = {.bytes = {1}};

    memcpy(digest.bytes + 8, &number, sizeof number);
    return digest;
}

static void say(struct said *said, char word, uint64_t sequence)
{
    *said =
        (struct said){.previous = digest_of(word == '!' ? 1000 + sequence : sequence - 1), .own = digest_of(sequence)};
    said->link = (struct link){.producer_id = {.bytes = {7}},
                               .sequence = sequence,
                               .recorded_at_us = (int64_t)(1000 - sequence), /* the first one is the latest */
                               .is_event = word != '?' && word != 'x',
                               .digest = word == 'x' ? NULL : &said->own,
                               .is_end = word == 'c'};
    if (sequence != 1 && said->link.is_event && word != '0')
        said->link.previous_digest = digest_slice(&said->previous);
}

static size_t tell(const char *story, struct said *said)
{
    size_t count = 0;

    for (uint64_t sequence = 1; story[sequence - 1] != '\0'; sequence++)
        if (story[sequence - 1] != '-')
            say(&said[count++], story[sequence - 1], sequence);
    return count;
}

static void hear(struct links *links, char heard[HEARD_BYTES])
{
    static const char *const carries[] = {"nothing", "digest", "unknown"};
    struct error error = {.kind = ERROR_NONE};
    const struct links_run *run;
    size_t used = 0;

    heard[0] = '\0';
    assert_true(links_next(links, &run, &error));
    while (run != NULL) {
        const struct digest last = digest_of(run->last);

        used +=
            (size_t)snprintf(heard + used, HEARD_BYTES - used, "%s%" PRIu64 "-%" PRIu64 " %s%s", used > 0 ? ", " : "",
                             run->first, run->last, carries[run->carries], run->is_end ? " end" : "");
        assert_true(!run->has_digest || digest_equal(&run->digest, &last));
        assert_int_equal(run->recorded_at_us, 1000 - run->first);
        assert_true(links_next(links, &run, &error));
    }
}

/* In order, backwards, and those with odd numbers first. */
static void expect_runs(const char *story, const char *expected)
{
    struct said said[EVENTS_MAX];
    size_t count = tell(story, said);

    for (int order = 0; order < 3; order++) {
        struct error error = {.kind = ERROR_NONE};
        struct links *links = links_new("/tmp", LITTLE_BYTES, &error);
        char heard[HEARD_BYTES];

        assert_non_null(links);
        for (size_t i = 0; i < count; i++) {
            size_t at = order == 0      ? i
                        : order == 1    ? count - 1 - i
                        : 2 * i < count ? 2 * i
                                        : 2 * (i - (count + 1) / 2) + 1;
            assert_true(links_add(links, &said[at].link, &error));
        }
        hear(links, heard);
        assert_string_equal(heard, expected);
        links_free(links);
    }
}

static void a_producer_that_is_whole_is_one_run(void **state)
{
    (void)state;
    expect_runs("", "");
    expect_runs("e", "1-1 nothing");
    expect_runs("c", "1-1 nothing end");
    expect_runs("eeeeeeeeeeeeeeeeeeeec", "1-21 nothing end");
}

static void what_does_not_follow_begins_a_run(void **state)
{
    (void)state;
    expect_runs("ee--ee", "1-2 nothing, 5-6 digest");
    expect_runs("--ee", "3-4 digest");
    expect_runs("ee!ee", "1-2 nothing, 3-5 digest");
    expect_runs("ee0ee", "1-2 nothing, 3-5 nothing");
    expect_runs("ee?ee", "1-2 nothing, 3-5 unknown");
    expect_runs("eexee", "1-2 nothing, 3-3 unknown, 4-5 digest");
    expect_runs("ecee", "1-2 nothing end, 3-4 digest");
    expect_runs("-c-c!!", "2-2 digest end, 4-4 digest end, 5-5 digest, 6-6 digest");
}

static void a_number_that_comes_twice_is_in_two_runs(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct links *links = links_new("/tmp", LITTLE_BYTES, &error);
    struct said said[EVENTS_MAX];
    char heard[HEARD_BYTES];

    (void)state;
    assert_non_null(links);
    tell("eeee", said);
    for (size_t i = 0; i < 4; i++)
        assert_true(links_add(links, &said[i].link, &error));
    assert_true(links_add(links, &said[2].link, &error));
    hear(links, heard);
    assert_string_equal(heard, "1-4 nothing, 3-3 digest");
    links_free(links);
}

static void add(struct links *links, char word, uint64_t sequence)
{
    struct error error = {.kind = ERROR_NONE};
    struct said said;

    say(&said, word, sequence);
    assert_true(links_add(links, &said.link, &error));
}

static void what_is_added_gives(const uint64_t *numbers, size_t count, const char *expected)
{
    struct error error = {.kind = ERROR_NONE};
    struct links *links = links_new("/tmp", LITTLE_BYTES, &error);
    char heard[HEARD_BYTES];

    assert_non_null(links);
    for (size_t i = 0; i < count; i++)
        add(links, 'e', numbers[i]);
    hear(links, heard);
    assert_string_equal(heard, expected);
    links_free(links);
}

static void a_number_below_one_is_a_run_of_its_own(void **state)
{
    static const uint64_t numbers[] = {UINT64_MAX - 1, UINT64_MAX, 0, 1, 2, 3};
    static const uint64_t greatest[] = {INT64_MAX - 1, INT64_MAX, (uint64_t)INT64_MAX + 1, (uint64_t)INT64_MAX + 2};

    (void)state;
    what_is_added_gives(numbers, sizeof numbers / sizeof *numbers,
                        "0-0 digest, 1-3 nothing, 18446744073709551614-18446744073709551614 digest,"
                        " 18446744073709551615-18446744073709551615 digest");
    what_is_added_gives(greatest, sizeof greatest / sizeof *greatest,
                        "9223372036854775806-9223372036854775807 digest,"
                        " 9223372036854775808-9223372036854775808 digest,"
                        " 9223372036854775809-9223372036854775809 digest");
}

/* Every 20th, then every 20th but one ... : more runs are open than are looked at. */
static void runs_that_were_long_apart_are_joined_in_the_end(void **state)
{
    uint64_t numbers[600];
    size_t count = 0;

    (void)state;
    for (uint64_t rest = 0; rest < 20; rest++)
        for (uint64_t i = 0; i < 30; i++)
            numbers[count++] = 1 + 20 * i + rest;
    what_is_added_gives(numbers, count, "1-600 nothing");
}

/* ---- more than there is memory for ------------------------------------------------------------------------------ */

/* Every producer's number `sequence` once in a while, in an order that has nothing to do with theirs. */
static void add_all(struct links *links, unsigned stride)
{
    struct error error = {.kind = ERROR_NONE};
    const unsigned all = PRODUCERS * EVENTS_EACH;
    struct said said;

    for (unsigned i = 0; i < all; i++) {
        unsigned which = (unsigned)((uint64_t)i * stride % all);

        say(&said, 'e', 1 + which / PRODUCERS);
        said.link.producer_id.bytes[3] = (uint8_t)(which % PRODUCERS / 256);
        said.link.producer_id.bytes[9] = (uint8_t)(which % PRODUCERS);
        assert_true(links_add(links, &said.link, &error));
        memset(&said, 0, sizeof said);
    }
}

static void all_come_together(size_t bytes, unsigned stride)
{
    struct error error = {.kind = ERROR_NONE};
    struct links *links = links_new("/tmp", bytes, &error);
    const struct links_run *run;
    struct uuid before = {.bytes = {0}};

    assert_non_null(links);
    add_all(links, stride);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        assert_true(links_next(links, &run, &error));
        assert_non_null(run);
        assert_true(uuid_compare(&before, &run->producer_id) < 0);
        before = run->producer_id;
        assert_int_equal(run->first, 1);
        assert_int_equal(run->last, EVENTS_EACH);
        assert_int_equal(run->carries, LINKS_NOTHING);
        const struct digest last = digest_of(EVENTS_EACH);
        assert_true(run->has_digest && digest_equal(&run->digest, &last));
        assert_false(run->is_end);
        assert_int_equal(run->recorded_at_us, 1000 - 1);
    }
    assert_true(links_next(links, &run, &error));
    assert_null(run);
    links_free(links);
}

static void runs_meet_in_memory(void **state)
{
    (void)state;
    all_come_together(LINKS_BYTES, 1);
    all_come_together(LINKS_BYTES, 11003);
}

static void runs_meet_in_a_file(void **state)
{
    (void)state;
    all_come_together(LITTLE_BYTES, 1);
    all_come_together(LITTLE_BYTES, 11003);
}

/* Identities that differ in what a multiplication alone does not spread: this takes for ever if they share a slot. */
static void nobody_chooses_the_slots(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct links *links = links_new("/tmp", LINKS_BYTES, &error);
    struct said said;

    (void)state;
    assert_non_null(links);
    for (unsigned round = 1; round <= EVENTS_EACH; round++)
        for (unsigned i = 0; i < COLLIDING; i++) {
            say(&said, 'e', round);
            said.link.producer_id.bytes[7] = (uint8_t)(i >> 8);
            said.link.producer_id.bytes[15] = (uint8_t)i;
            assert_true(links_add(links, &said.link, &error));
        }
    links_free(links);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    struct error error = {.kind = ERROR_NONE};
    struct links *links = links_new("/not/there", LITTLE_BYTES, &error);
    struct said said;
    bool good = true;

    (void)state;
    assert_non_null(links);
    for (uint64_t sequence = 1; good && sequence < 1000000; sequence += 2) {
        say(&said, 'e', sequence);
        good = links_add(links, &said.link, &error);
    }
    assert_false(good);
    assert_string_equal(error.reason, "disk");
    links_free(links);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_producer_that_is_whole_is_one_run),
        cmocka_unit_test(what_does_not_follow_begins_a_run),
        cmocka_unit_test(a_number_that_comes_twice_is_in_two_runs),
        cmocka_unit_test(a_number_below_one_is_a_run_of_its_own),
        cmocka_unit_test(runs_that_were_long_apart_are_joined_in_the_end),
        cmocka_unit_test(runs_meet_in_memory),
        cmocka_unit_test(runs_meet_in_a_file),
        cmocka_unit_test(nobody_chooses_the_slots),
        cmocka_unit_test(a_folder_that_is_not_there_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
