/* chain: each way in which a producer's events can be wrong has a name of its own, and a place. */
#include "replay/verify/chain.h"

#include "proto/digester.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- a story in a line, and what the chain says of it -----------------------------------------------------------
 *
 * Words of a story, in the order of their numbers:
 *   e     an event that follows from the one before
 *   -     a number that was accepted and is not there
 *   .     a number that was dropped before it was accepted
 *   d     declares the numbers just before it that were dropped
 *   !     an event whose bytes were changed afterwards
 *   r     set aside, its bytes known; R: set aside, its bytes not known
 *   c     the producer's end
 * "end N" and "told N" tell chain_end a last number. */

struct story {
    struct chain chain;
    char heard[512];
    uint64_t sequence;
    struct digest accepted; /* of the last accepted event, as its producer knew it */
    bool any;
    uint64_t dropped; /* how many were just before */
};

static struct digest digest_of(uint64_t number)
{
    struct digest digest = {.bytes = {0}};

    memcpy(digest.bytes, &number, sizeof number);
    return digest;
}

static void hear(void *self, const struct chain_finding *finding)
{
    static const char *const kinds[] = {"hole", "declared", "broken", "unlinked", "beyond", "tail", "open"};
    static const char *const links[] = {"holds", "breaks", "unknown"};
    struct story *story = self;
    size_t used = strlen(story->heard);
    bool has_link = finding->kind == CHAIN_HOLE || finding->kind == CHAIN_DECLARED;

    snprintf(story->heard + used, sizeof story->heard - used, "%s%s %" PRIu64 "-%" PRIu64 "%s%s", used > 0 ? ", " : "",
             kinds[finding->kind], finding->first, finding->last, has_link ? " " : "",
             has_link ? links[finding->link] : "");
}

static void say(struct story *story, char word)
{
    struct digest own = digest_of(1000 + story->sequence), stored = own;
    struct event event = {
        .sequence = story->sequence,
        .body = word == 'd'   ? EVENT_PRODUCER_DROPPED
                : word == 'c' ? EVENT_PRODUCER_CLOSED
                              : EVENT_TASK_STATUS,
        .previous_digest = story->any ? digest_slice(&story->accepted) : (struct slice){.size = 0},
    };

    if (word == 'd')
        event.producer_dropped = (struct producer_dropped){.first_sequence = story->sequence - story->dropped,
                                                           .last_sequence = story->sequence - 1};
    if (word == '!')
        stored = digest_of(9000 + story->sequence);
    if (strchr("ed!c", word) != NULL)
        chain_event(&story->chain, &event, &stored, (int64_t)story->sequence);
    else if (word == 'r' || word == 'R')
        chain_held(&story->chain, story->sequence, word == 'r' ? &stored : NULL, (int64_t)story->sequence);

    story->dropped = word == '.' ? story->dropped + 1 : 0;
    if (word != '.') {
        story->accepted = own;
        story->any = true;
    }
}

static const char *told_last(struct story *story, const char *words, uint64_t last, bool ended)
{
    const struct uuid producer_id = {.bytes = {7}};

    *story = (struct story){.chain = {.tell = hear, .self = story}};
    chain_begin(&story->chain, &producer_id);
    for (; *words != '\0'; words++) {
        story->sequence++;
        say(story, *words);
    }
    chain_end(&story->chain, last, ended);
    return story->heard;
}

static const char *told(struct story *story, const char *words)
{
    return told_last(story, words, 0, false);
}

/* ---- the stories ------------------------------------------------------------------------------------------------ */

static void a_whole_life_says_nothing(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "eeeec"), "");
    assert_string_equal(told(&story, "c"), "");
}

static void an_end_that_was_not_told_is_open(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "eee"), "open 1-3");
    assert_string_equal(told_last(&story, "eee", 3, true), "");
}

static void a_number_lost_on_the_way_breaks_the_chain_behind_the_hole(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "ee-ec"), "hole 3-3 breaks");
    assert_string_equal(told(&story, "e---ec"), "hole 2-4 breaks");
    assert_string_equal(told(&story, "-eec"), "hole 1-1 breaks");
}

static void a_number_dropped_before_it_was_accepted_leaves_the_chain_whole(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "ee..ec"), "hole 3-4 holds");
    assert_string_equal(told(&story, ".ec"), "hole 1-1 holds");
}

static void a_declared_hole_is_told_apart(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "ee..dec"), "declared 3-4 holds");
    assert_string_equal(told(&story, ".dc"), "declared 1-1 holds");
    assert_string_equal(told(&story, "e.dee..dc"), "declared 2-2 holds, declared 6-7 holds");
}

static void what_is_missing_beside_a_declared_hole_is_a_hole_of_its_own(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "ee-..dc"), "hole 3-3 breaks, declared 4-5 breaks");
}

static void a_break_across_a_declared_hole_is_told_besides(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "e!.dc"), "declared 3-3 breaks, broken 4-2");
}

static void a_lost_declaration_leaves_an_undeclared_hole(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "ee..-ec"), "hole 3-5 breaks");
}

static void a_changed_event_breaks_the_link_of_the_next(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "e!eec"), "broken 3-2");
    assert_string_equal(told(&story, "!ec"), "broken 2-1");
}

static void a_changed_last_event_is_not_seen_by_the_chain_alone(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "ee!"), "open 1-3");
}

static void what_was_set_aside_is_held(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "erec"), "");
    assert_string_equal(told(&story, "eRec"), "unlinked 3-2");
    assert_string_equal(told(&story, "eR.dc"), "declared 3-3 unknown, unlinked 4-2");
    assert_string_equal(told(&story, "rec"), "");
    assert_string_equal(told(&story, "e-rec"), "hole 2-2 unknown");
}

static void behind_bytes_that_are_not_known_a_hole_says_nothing_of_its_cause(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "eR-ec"), "hole 3-3 unknown");
}

static void what_comes_later_follows_from_the_one_before_it(void **state)
{
    const struct uuid producer_id = {.bytes = {7}};
    const struct digest own = digest_of(1005), forged = digest_of(9);
    struct story story = {.chain = {.tell = hear, .self = &story}, .sequence = 6, .accepted = own, .any = true};

    (void)state;
    chain_resume(&story.chain, &producer_id, 5, &own);
    say(&story, 'e');
    assert_string_equal(story.heard, "");

    story = (struct story){.chain = {.tell = hear, .self = &story}, .sequence = 6, .accepted = own, .any = true};
    chain_resume(&story.chain, &producer_id, 5, &forged);
    say(&story, 'e');
    assert_string_equal(story.heard, "broken 6-5");
}

static void nothing_comes_after_the_end(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told(&story, "ece"), "beyond 3-2");
    assert_string_equal(told(&story, "ecr"), "beyond 3-2");
}

static void an_end_that_others_tell_shows_a_missing_tail(void **state)
{
    struct story story;

    (void)state;
    assert_string_equal(told_last(&story, "eee", 5, true), "tail 4-5");
    assert_string_equal(told_last(&story, "eee", 5, false), "tail 4-5, open 1-3");
    assert_string_equal(told_last(&story, "", 4, true), "tail 1-4");
    assert_string_equal(told_last(&story, "eec", 2, true), "");
}

static void a_number_that_comes_out_of_order_is_a_break(void **state)
{
    struct story story;
    const struct event again = {.sequence = 1, .body = EVENT_TASK_STATUS};
    const struct digest digest = digest_of(1);

    (void)state;
    told(&story, "ee");
    story.heard[0] = '\0';
    chain_event(&story.chain, &again, &digest, 0);
    assert_string_equal(story.heard, "broken 1-2");
}

static void a_number_that_is_held_already_is_passed_over(void **state)
{
    const struct uuid producer_id = {.bytes = {7}};
    const struct digest digest = digest_of(1), other = digest_of(2);
    const struct event first = {.sequence = 1, .body = EVENT_TASK_STATUS};
    const struct event second = {
        .sequence = 2, .body = EVENT_PRODUCER_CLOSED, .previous_digest = digest_slice(&digest)};
    struct story story = {.chain = {.tell = hear, .self = &story}};

    (void)state;
    chain_begin(&story.chain, &producer_id);
    chain_event(&story.chain, &first, &digest, 0);
    chain_held(&story.chain, 1, &other, 0);
    chain_event(&story.chain, &second, &other, 0);
    chain_end(&story.chain, 0, false);
    assert_string_equal(story.heard, "");
}

static void numbers_that_are_known_to_follow_are_followed_by_what_carries_the_last_one_s_digest(void **state)
{
    const struct digest seventh = digest_of(7), other = digest_of(8);
    const struct event next = {.sequence = 8, .body = EVENT_PRODUCER_CLOSED, .previous_digest = digest_slice(&seventh)};
    const struct chain_last last = {.sequence = 7, .digest = &seventh, .recorded_at_us = 70};
    struct story story;

    (void)state;
    told(&story, "ee");
    story.heard[0] = '\0';
    chain_linked(&story.chain, &last);
    chain_event(&story.chain, &next, &other, 80);
    chain_end(&story.chain, 0, false);
    assert_string_equal(story.heard, "");

    told(&story, "ee");
    story.heard[0] = '\0';
    chain_linked(&story.chain, &(struct chain_last){.sequence = 7, .digest = &other, .is_end = true});
    chain_event(&story.chain, &next, &other, 80);
    assert_string_equal(story.heard, "beyond 8-7, broken 8-7");
}

static void so_each_number_behind_the_end_is_told(void **state)
{
    struct story story;

    (void)state;
    told(&story, "ec");
    chain_linked(&story.chain, &(struct chain_last){.sequence = 4});
    assert_string_equal(story.heard, "beyond 3-2, beyond 4-2");

    told(&story, "ec");
    story.chain.last_sequence = UINT64_MAX - 1;
    chain_linked(&story.chain, &(struct chain_last){.sequence = UINT64_MAX});
    assert_string_equal(story.heard, "beyond 18446744073709551615-2");
}

static void what_is_there_twice_is_told_number_by_number(void **state)
{
    struct story story;

    (void)state;
    told(&story, "eeec");
    chain_doubled(&story.chain, 2, 3, 0);
    assert_string_equal(story.heard, "broken 2-4, broken 3-4");
    story.heard[0] = '\0';
    chain_doubled(&story.chain, 4, 9, 0);
    assert_string_equal(story.heard, "broken 4-4, broken 5-4");
    story.heard[0] = '\0';
    chain_doubled(&story.chain, 0, 0, 0);
    assert_string_equal(story.heard, "broken 0-4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_life_says_nothing),
        cmocka_unit_test(an_end_that_was_not_told_is_open),
        cmocka_unit_test(a_number_lost_on_the_way_breaks_the_chain_behind_the_hole),
        cmocka_unit_test(a_number_dropped_before_it_was_accepted_leaves_the_chain_whole),
        cmocka_unit_test(a_declared_hole_is_told_apart),
        cmocka_unit_test(what_is_missing_beside_a_declared_hole_is_a_hole_of_its_own),
        cmocka_unit_test(a_break_across_a_declared_hole_is_told_besides),
        cmocka_unit_test(a_lost_declaration_leaves_an_undeclared_hole),
        cmocka_unit_test(a_changed_event_breaks_the_link_of_the_next),
        cmocka_unit_test(a_changed_last_event_is_not_seen_by_the_chain_alone),
        cmocka_unit_test(what_was_set_aside_is_held),
        cmocka_unit_test(behind_bytes_that_are_not_known_a_hole_says_nothing_of_its_cause),
        cmocka_unit_test(what_comes_later_follows_from_the_one_before_it),
        cmocka_unit_test(nothing_comes_after_the_end),
        cmocka_unit_test(an_end_that_others_tell_shows_a_missing_tail),
        cmocka_unit_test(a_number_that_comes_out_of_order_is_a_break),
        cmocka_unit_test(a_number_that_is_held_already_is_passed_over),
        cmocka_unit_test(numbers_that_are_known_to_follow_are_followed_by_what_carries_the_last_one_s_digest),
        cmocka_unit_test(so_each_number_behind_the_end_is_told),
        cmocka_unit_test(what_is_there_twice_is_told_number_by_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
