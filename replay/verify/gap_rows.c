#include "replay/verify/gap_rows.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

/* clang-format off */
static const struct column gap_columns[] = {
    {"state", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"cause", "probable cause", COLUMN_TEXT, COLUMN_CELL},
    {"producer_id", "producer", COLUMN_TEXT, COLUMN_CELL},
    {"first_sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"last_sequence", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"numbers", "number", COLUMN_TEXT, COLUMN_PEOPLE},
    {"missing", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"worker", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"host", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"after_at", "after", COLUMN_TIME, COLUMN_YIELDING},
    {"before_at", "before", COLUMN_TIME, COLUMN_YIELDING},
    {"noticed_at", "noticed", COLUMN_TIME, COLUMN_YIELDING},
    {"heard_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"repaired_at", "repaired", COLUMN_TIME, COLUMN_YIELDING},
    {"stream", NULL, COLUMN_TEXT, COLUMN_YIELDING},
    {"stream_id", "entry", COLUMN_TEXT, COLUMN_YIELDING},
    {"detail", "what", COLUMN_TEXT, COLUMN_BELOW},
    {"tasks", "tasks around", COLUMN_JSON, COLUMN_BELOW},
    {"advice", "to mend it", COLUMN_TEXT, COLUMN_BELOW},
};
/* clang-format on */

static const struct section gap_section = {
    .name = "gaps",
    .item = "gap",
    .is_list = true,
    .is_main = true,
    .columns = gap_columns,
    .count = sizeof gap_columns / sizeof *gap_columns,
};

static struct value state_value(enum gap_state state)
{
    static const struct {
        const char *name;
        enum tone tone;
    } states[GAP_STATES] = {
        [GAP_OPEN] = {"open", TONE_BAD},          [GAP_IN_FLIGHT] = {"in_flight", TONE_ODD},
        [GAP_UNKNOWN] = {"unknown", TONE_ODD},    [GAP_NOTED] = {"noted", TONE_FAINT},
        [GAP_REPAIRED] = {"repaired", TONE_GOOD},
    };

    return value_toned(value_words(states[state].name), states[state].tone);
}

uint64_t gap_rows_missing(const struct gap *gap)
{
    return gap->first == 0 || gap->last == 0 ? 0 : gap->last - gap->first + 1;
}

static struct value number(uint64_t sequence)
{
    return sequence == 0 ? (struct value){.is_given = false} : value_unsigned(sequence);
}

static void format_numbers(const struct gap *gap, char *text, size_t size)
{
    text[0] = '\0';
    if (gap->first != 0 && gap->first == gap->last)
        snprintf(text, size, "%" PRIu64, gap->first);
    else if (gap->first != 0 && gap->last == 0)
        snprintf(text, size, "%" PRIu64 "-?", gap->first);
    else if (gap->first != 0)
        snprintf(text, size, "%" PRIu64 "-%" PRIu64, gap->first, gap->last);
}

void gap_rows_begin(struct output *output)
{
    output_begin(output, &gap_section);
}

void gap_rows_add(struct output *output, const struct gap *gap)
{
    static const struct gap_evidence nothing = {
        .after_us = PROJECTION_NEVER, .before_us = PROJECTION_NEVER, .heard_us = PROJECTION_NEVER};
    const struct gap_evidence *evidence = gap->evidence == NULL ? &nothing : gap->evidence;
    char producer[UUID_TEXT_BYTES] = "", numbers[48];

    if (gap->has_producer)
        uuid_format(&gap->producer_id, producer);
    format_numbers(gap, numbers, sizeof numbers);
    const struct value values[] = {
        state_value(gap->state),
        value_words(gap_cause_name(gap->cause)),
        value_words(producer),
        number(gap->first),
        number(gap->last),
        value_words(numbers),
        number(gap_rows_missing(gap)),
        value_text(evidence->worker),
        value_text(evidence->host),
        value_time(evidence->after_us),
        value_time(evidence->before_us),
        value_time(gap->noticed_us),
        value_time(evidence->heard_us),
        value_time(gap->repaired_us),
        value_text(gap->stream),
        value_text(gap->stream_id),
        gap->detail.size > 0 ? value_text(gap->detail) : value_words(gap_cause_meaning(gap->cause)),
        value_text(evidence->tasks),
        value_words(gap_cause_advice(gap->cause)),
    };
    static_assert(sizeof values / sizeof *values == sizeof gap_columns / sizeof *gap_columns, "a value a column");
    output_row(output, values);
}

void gap_rows_end(struct output *output)
{
    output_end(output);
}
