/* value: one cell of an answer.
 *
 * What is not given is an empty cell, null in JSON. Text is borrowed until the row is written. */
#ifndef TASKLEDGER_REPLAY_OUTPUT_VALUE_H
#define TASKLEDGER_REPLAY_OUTPUT_VALUE_H

#include "proto/projection.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* How a cell looks on a terminal; it never says anything that its text does not. */
enum tone { TONE_PLAIN, TONE_GOOD, TONE_BAD, TONE_ODD, TONE_FAINT, TONES };

struct value {
    bool is_given;
    enum tone tone;
    struct slice text; /* of TEXT and JSON columns */
    int64_t integer;   /* of INTEGER, BOOLEAN, TIME and DURATION columns */
    double real;       /* of FRACTION columns */
};

static inline struct value value_text(struct slice text)
{
    return (struct value){.is_given = text.size > 0, .text = text};
}

static inline struct value value_words(const char *words)
{
    return value_text(slice_from_text(words));
}

static inline struct value value_integer(int64_t integer)
{
    return (struct value){.is_given = true, .integer = integer};
}

static inline struct value value_unsigned(uint64_t integer)
{
    return value_integer(integer > INT64_MAX ? INT64_MAX : (int64_t)integer);
}

static inline struct value value_fraction(bool is_given, double real)
{
    return (struct value){.is_given = is_given, .real = real};
}

/* Unix microseconds; PROJECTION_NEVER is not given. */
static inline struct value value_time(int64_t unix_us)
{
    return (struct value){.is_given = unix_us != PROJECTION_NEVER, .integer = unix_us};
}

static inline struct value value_toned(struct value value, enum tone tone)
{
    value.tone = tone;
    return value;
}

#endif
