/* story: the fixture of the tests about events: one good event, and what decoding said. */
#ifndef TASKLEDGER_TESTS_STORY_H
#define TASKLEDGER_TESTS_STORY_H

#include "proto/event.h"

#include <stdbool.h>

struct story {
    struct arena arena;
    struct error error;
    struct event decoded;
    bool has_identity;
};

/* For cmocka_unit_test_setup_teardown. */
int story_set_up(void **state);
int story_tear_down(void **state);

/* Every field given, none at its limit. Static storage. */
struct event story_good_event(void);
struct slice story_digest(void);

/* Encode; it must succeed. */
struct slice story_encode(struct story *story, const struct event *event);

/* Decode; story->decoded, has_identity and error tell the rest. */
bool story_decode(struct story *story, struct slice payload);

/* It decodes to a refusal with this reason, and its text says that. */
void story_assert_refused(struct story *story, const struct event *event, const char *reason, const char *text);

void story_assert_text(struct slice found, const char *wanted);

#endif
