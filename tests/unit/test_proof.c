/* proof: what became of sealed numbers has a name, and a place. */
#include "replay/seal/proof.h"

#include "replay/seal/segments.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- a ledger in a line ------------------------------------------------------------------------------------------
 *
 * Each word is a producer, named by its first letter; then its numbers, from 1:
 *   e     an event that follows from the one before
 *   -     a number that was accepted and is not there
 *   .     a number that was dropped before it was accepted
 *   !     an event whose bytes were changed afterwards, and that carries what it carried
 *   x     bytes that are no event any more
 *   r     set aside, its bytes known; R: set aside, its bytes not known
 *   i     an event that was inserted: it follows from the one before, and nobody from it
 *   f     a forged event: it follows from the one before as stored, and so does the next one
 * A ledger is told of in the order of its producers. */

enum { SEGMENTS_MAX = 16 };

struct world {
    struct digester *digester;
    struct seal_segment sealed[SEGMENTS_MAX];
    size_t sealed_count;
    size_t next;
    enum proof_pruned pruned;
    char heard[512];
};

static struct digest digest_of(char producer, uint64_t sequence, char word)
{
    return (struct digest){.bytes = {(uint8_t)producer, (uint8_t)sequence, (uint8_t)word}};
}

static bool is_forged(char word)
{
    return word == '!' || word == 'x' || word == 'i' || word == 'f';
}

/* What is stored under a number. */
static struct digest stored_digest(const char *producer, uint64_t sequence)
{
    char word = producer[sequence];

    return digest_of(producer[0], sequence, is_forged(word) ? word : 'e');
}

/* What an event carries: the digest of the last accepted number before it, as its producer knew it. */
static bool carried_digest(const char *producer, uint64_t sequence, struct digest *digest)
{
    bool follows_forgery = producer[sequence] == 'i' || producer[sequence] == 'f';

    for (uint64_t before = sequence - 1; before > 0; before--) {
        char word = producer[before];

        if (word == '.' || (word == 'i' && !follows_forgery))
            continue;
        *digest =
            word == 'f' || follows_forgery ? stored_digest(producer, before) : digest_of(producer[0], before, 'e');
        return true;
    }
    return false;
}

static void follow_number(struct chain *chain, const char *producer, uint64_t sequence)
{
    char word = producer[sequence];
    struct digest stored = stored_digest(producer, sequence), carried;
    bool carries = carried_digest(producer, sequence, &carried);
    struct event event = {
        .sequence = sequence,
        .body = EVENT_TASK_STATUS,
        .previous_digest = carries ? digest_slice(&carried) : (struct slice){.size = 0},
    };

    if (word == '-' || word == '.')
        return;
    if (word == 'r' || word == 'R' || word == 'x')
        chain_held(chain, sequence, word == 'R' ? NULL : &stored, 0);
    else
        chain_event(chain, &event, &stored, 0);
}

static void follow(struct chain *chain, const char *ledger)
{
    for (const char *producer = ledger; *producer != '\0';) {
        size_t size = strcspn(producer, " ");
        struct uuid producer_id = {.bytes = {(uint8_t)producer[0]}};
        char word[64];

        snprintf(word, sizeof word, "%.*s", (int)size, producer);
        chain_begin(chain, &producer_id);
        for (uint64_t sequence = 1; sequence < size; sequence++)
            follow_number(chain, word, sequence);
        producer += size + strspn(producer + size, " ");
    }
}

static void ignore(void *self, const struct chain_finding *finding)
{
    (void)self, (void)finding;
}

/* ---- sealing and proving ----------------------------------------------------------------------------------------- */

static void keep_segment(void *self, const struct seal_segment *segment)
{
    struct world *world = self;

    assert_true(world->sealed_count < SEGMENTS_MAX);
    world->sealed[world->sealed_count++] = *segment;
}

static void seal(struct world *world, const char *ledger)
{
    struct segments segments = {.tell = keep_segment, .self = world, .digester = world->digester};
    struct chain chain = {.tell = ignore, .listener = {.step = segments_step, .self = &segments}};

    world->sealed_count = world->next = 0;
    follow(&chain, ledger);
    segments_end(&segments);
}

static bool next_segment(void *self, struct seal_segment *segment, bool *ended, struct error *error)
{
    struct world *world = self;

    (void)error;
    *ended = world->next == world->sealed_count;
    if (!*ended)
        *segment = world->sealed[world->next++];
    return true;
}

static bool find_pruned(void *self, const struct seal_segment *segment, enum proof_pruned *pruned, struct error *error)
{
    struct world *world = self;

    (void)segment, (void)error;
    *pruned = world->pruned;
    return true;
}

static void hear(void *self, const struct proof_finding *finding)
{
    static const char *const kinds[] = {"changed", "removed", "truncated", "gone", "inserted", "unproven"};
    struct world *world = self;
    size_t used = strlen(world->heard);

    snprintf(world->heard + used, sizeof world->heard - used, "%s%s %c%" PRIu64 "-%" PRIu64 "(%" PRIu64 ")",
             used > 0 ? ", " : "", kinds[finding->kind], finding->producer_id.bytes[0], finding->first, finding->last,
             finding->count);
}

typedef bool segment_source(void *self, struct seal_segment *segment, bool *ended, struct error *error);

static struct proof proof_of(struct world *world, segment_source *next)
{
    return (struct proof){
        .world = {.next = next, .pruned = find_pruned, .tell = hear, .self = world},
        .digester = world->digester,
    };
}

static struct proof prove(struct world *world, const char *ledger)
{
    struct proof proof = proof_of(world, next_segment);
    struct chain chain = {.tell = ignore, .listener = {.step = proof_step, .self = &proof}};
    struct error error;

    world->heard[0] = '\0';
    world->next = 0;
    follow(&chain, ledger);
    assert_true(proof_end(&proof, &error));
    return proof;
}

static int set_up(void **state)
{
    static struct world world;

    world = (struct world){.digester = digester_new()};
    *state = &world;
    return world.digester == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    digester_free(world->digester);
    return 0;
}

/* What is said of `later` by a seal of `sealed`. */
static void expect(struct world *world, const char *sealed, const char *later, const char *expected)
{
    seal(world, sealed);
    prove(world, later);
    if (strcmp(world->heard, expected) != 0)
        fail_msg("\"%s\", sealed as \"%s\": \"%s\", not \"%s\"", later, sealed, world->heard, expected);
}

static void expect_segments(struct world *world, const char *ledger, const char *expected)
{
    char text[256] = "";

    seal(world, ledger);
    for (size_t i = 0; i < world->sealed_count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%c%" PRIu64 "-%" PRIu64, i > 0 ? " " : "",
                 world->sealed[i].producer_id.bytes[0], world->sealed[i].first, world->sealed[i].last);
    }
    assert_string_equal(text, expected);
}

/* ---- the stories ------------------------------------------------------------------------------------------------- */

static void a_segment_ends_where_numbers_or_links_do(void **state)
{
    expect_segments(*state, "", "");
    expect_segments(*state, "Aeee", "A1-3");
    expect_segments(*state, "Aeee Bee", "A1-3 B1-2");
    expect_segments(*state, "Ae.e-e", "A1-1 A3-3 A5-5");
    expect_segments(*state, "Aee!ee", "A1-3 A4-5");
    expect_segments(*state, "AeereeRee", "A1-2 A3-5 A7-8");
    expect_segments(*state, "A-R-", "");
    expect_segments(*state, "Aer", "A1-1");
    expect_segments(*state, "Aerre-re Br", "A1-1 A3-4 A6-7");
}

static void what_is_there_as_it_was_says_nothing(void **state)
{
    expect(*state, "Aeee Bee", "Aeee Bee", "");
    expect(*state, "Ae.e-ereR! Be", "Ae.e-ereR! Be", "");
    expect(*state, "", "Aeee", "");
    expect(*state, "", "", "");
}

static void what_came_later_says_nothing(void **state)
{
    expect(*state, "Bee", "Ae Beee Ce", "");
    expect(*state, "Be--e", "Beeee", "");
    expect(*state, "Be--e", "Be-ee", "");
    expect(*state, "B--e", "Beee", "");
    expect(*state, "Be-e", "Bere", "");
}

static void a_change_is_located_by_the_links(void **state)
{
    expect(*state, "Aeeeee", "Aee!ee", "changed A3-3(1)");
    expect(*state, "Aeeeee", "A!eeee", "changed A1-1(1)");
    expect(*state, "Aeeeee", "A!e!ee", "changed A1-3(3)");
    expect(*state, "Aeeeee", "Aeeee!", "changed A1-5(5)");
    expect(*state, "Aeeeee", "Ae!ee!", "changed A2-5(4)");
    expect(*state, "Aeeeee", "Aeexee", "changed A3-3(1)");
    expect(*state, "Aeeeee", "Aeefff", "changed A1-5(5)");
    expect(*state, "Aeeeee", "AeeRee", "changed A3-4(2)");
    expect(*state, "Ae.eee", "Ae.e!e", "changed A4-4(1)");
    expect(*state, "Ae Beee Ce", "Ae B!ee Ce", "changed B1-1(1)");
}

static void a_removal_is_not_an_end_that_was_cut_off(void **state)
{
    expect(*state, "Aeeeee", "Aee-ee", "removed A3-3(1)");
    expect(*state, "Aeeeee", "A--eee", "removed A1-2(2)");
    expect(*state, "Aeeeee", "Aeee", "truncated A4-5(2)");
    expect(*state, "Aeeeee", "Aeee--e", "removed A4-5(2)");
    expect(*state, "Aee.ee", "Ae", "truncated A2-5(3)");
    expect(*state, "Aee.ee", "Ae...e", "removed A2-2(1), removed A4-4(1)");
    expect(*state, "Aeeee Bee", "A-e-e B-", "removed A1-1(1), removed A3-3(1), gone B1-2(2)");
    expect(*state, "Aeeeee", "Ae-!ee", "removed A2-2(1), changed A3-3(1)");
    expect(*state, "Ae Bee Ce", "Ae Ce", "gone B1-2(2)");
    expect(*state, "Ae Bee Ce", "Ae Bee", "gone C1-1(1)");
    expect(*state, "Ae.e", "", "gone A1-3(2)");
}

static void an_insertion_is_where_the_chain_holds_across(void **state)
{
    expect(*state, "Ae..e", "Aei.e", "inserted A2-2(1)");
    expect(*state, "Ae..e", "Aeiie", "inserted A2-3(2)");
    expect(*state, "A.ee", "Aiee", "inserted A1-1(1)");
    expect(*state, "Ae.e B.ee", "Ae.e Biee", "inserted B1-1(1)");
    expect(*state, "A--ee B.e", "Aee B.e", "truncated A3-4(2)");
    expect(*state, "Ae--e", "Ae!!e", "inserted A2-3(2)");
    expect(*state, "Ae..e", "Ae..e", "");
}

static void what_was_pruned_is_judged_by_the_record(void **state)
{
    struct world *world = *state;
    static const struct {
        enum proof_pruned pruned;
        const char *heard;
        uint64_t held, unproven;
    } rows[] = {
        {PROOF_NOT_PRUNED, "gone B1-4(3)", 0, 0},
        {PROOF_BOUNDARY, "", 3, 0},
        {PROOF_OTHER_BOUNDARY, "changed B1-2(2), changed B4-4(1)", 0, 3},
        {PROOF_PRUNED, "unproven B1-2(2), unproven B4-4(1)", 0, 3},
    };

    seal(world, "Ae Bee.e Ce");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        world->pruned = rows[i].pruned;
        struct proof proof = prove(world, "Ae Ce");
        assert_string_equal(world->heard, rows[i].heard);
        assert_int_equal(proof.pruned.events, rows[i].held);
        assert_int_equal(proof.unproven.events, rows[i].unproven);
    }
}

static void what_holds_is_counted(void **state)
{
    struct world *world = *state;

    seal(world, "Aee.e Bee Cee");
    struct proof proof = prove(world, "Aee.e B!e");
    assert_int_equal(proof.asked.producers, 3);
    assert_int_equal(proof.asked.segments, 4);
    assert_int_equal(proof.asked.events, 7);
    assert_int_equal(proof.held.producers, 2);
    assert_int_equal(proof.held.segments, 2);
    assert_int_equal(proof.held.events, 3);
}

/* The links hold, since what was redacted only claims to carry what it carries; the sum does not. */
static void a_redaction_that_hides_a_change_is_found_by_the_sum(void **state)
{
    struct world *world = *state;
    struct digest forged = digest_of('A', 1, '!'), second = digest_of('A', 2, 'e'), third = digest_of('A', 3, 'e');
    struct event events[] = {
        {.sequence = 1, .body = EVENT_TASK_STATUS},
        {.sequence = 2, .body = EVENT_TASK_STATUS, .previous_digest = digest_slice(&forged)},
        {.sequence = 3, .body = EVENT_TASK_STATUS, .previous_digest = digest_slice(&second)},
    };
    struct uuid producer_id = {.bytes = {'A'}};

    seal(world, "Aeee");
    struct proof proof = proof_of(world, next_segment);
    struct chain chain = {.tell = ignore, .listener = {.step = proof_step, .self = &proof}};
    struct error error;

    chain_begin(&chain, &producer_id);
    chain_event(&chain, &events[0], &forged, 0);
    chain_event(&chain, &events[1], &second, 0);
    chain_event(&chain, &events[2], &third, 0);
    assert_true(proof_end(&proof, &error));
    assert_string_equal(world->heard, "changed A1-3(3)");
}

static bool fail_to_read(void *self, struct seal_segment *segment, bool *ended, struct error *error)
{
    (void)self, (void)segment, (void)ended;
    return error_set(error, ERROR_FATAL, "seal", "changed while it was read");
}

static void what_cannot_be_read_fails_at_the_end(void **state)
{
    struct world *world = *state;
    struct error error;

    struct proof proof = proof_of(world, fail_to_read);
    struct chain chain = {.tell = ignore, .listener = {.step = proof_step, .self = &proof}};

    follow(&chain, "Aee");
    assert_false(proof_end(&proof, &error));
    assert_string_equal(error.reason, "seal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_segment_ends_where_numbers_or_links_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_there_as_it_was_says_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_came_later_says_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_change_is_located_by_the_links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removal_is_not_an_end_that_was_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_insertion_is_where_the_chain_holds_across, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_pruned_is_judged_by_the_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_holds_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_redaction_that_hides_a_change_is_found_by_the_sum, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_fails_at_the_end, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
