/* second_reader: an event as protobuf-c reads it, to compare with how we do. */
#ifndef TASKLEDGER_TESTS_SECOND_READER_H
#define TASKLEDGER_TESTS_SECOND_READER_H

#include "proto/arena.h"
#include "proto/event.h"

#include <stdbool.h>

/* The same fields; false when the bytes are no event to protobuf-c, or its body is unknown. Texts live in the arena and
 * end at their first NUL. */
bool second_reader_read(struct slice payload, struct arena *arena, struct event *event);

/* Field by field, of the body that they have. */
bool second_reader_same(const struct event *a, const struct event *b);

#endif
