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

static const struct column cause_columns[] = {
    {"cause", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"open", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"open_numbers", "numbers", COLUMN_INTEGER, COLUMN_CELL},
    {"in_flight", "in flight", COLUMN_INTEGER, COLUMN_CELL},
    {"unknown", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"noted", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"repaired", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"meaning", NULL, COLUMN_TEXT, COLUMN_CELL},
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

static const struct section cause_section = {
    .name = "causes",
    .item = "cause",
    .title = "Causes",
    .is_list = true,
    .columns = cause_columns,
    .count = sizeof cause_columns / sizeof *cause_columns,
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

static uint64_t missing_of(const struct gap *gap)
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
        number(missing_of(gap)),
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

void gap_totals_add(struct gap_totals *totals, const struct gap *gap)
{
    struct gap_count *count = &totals->of[gap->cause][gap->state];

    count->gaps++;
    count->numbers += missing_of(gap);
}

struct gap_count gap_totals_of(const struct gap_totals *totals, enum gap_state state)
{
    struct gap_count sum = {.gaps = 0};

    for (size_t cause = 0; cause < GAP_CAUSES; cause++) {
        sum.gaps += totals->of[cause][state].gaps;
        sum.numbers += totals->of[cause][state].numbers;
    }
    return sum;
}

static bool is_met(const struct gap_count counts[GAP_STATES])
{
    for (size_t state = 0; state < GAP_STATES; state++)
        if (counts[state].gaps > 0)
            return true;
    return false;
}

void gap_totals_write(const struct gap_totals *totals, struct output *output)
{
    output_begin(output, &cause_section);
    for (size_t cause = 0; cause < GAP_CAUSES; cause++) {
        const struct gap_count *counts = totals->of[cause];

        if (!is_met(counts))
            continue;
        const struct value values[] = {
            value_words(gap_cause_name((enum gap_cause)cause)),
            value_toned(value_unsigned(counts[GAP_OPEN].gaps), counts[GAP_OPEN].gaps > 0 ? TONE_BAD : TONE_FAINT),
            value_unsigned(counts[GAP_OPEN].numbers),
            value_unsigned(counts[GAP_IN_FLIGHT].gaps),
            value_unsigned(counts[GAP_UNKNOWN].gaps),
            value_unsigned(counts[GAP_NOTED].gaps),
            value_unsigned(counts[GAP_REPAIRED].gaps),
            value_words(gap_cause_meaning((enum gap_cause)cause)),
        };
        static_assert(sizeof values / sizeof *values == sizeof cause_columns / sizeof *cause_columns,
                      "a value a column");
        output_row(output, values);
    }
    output_end(output);
}
