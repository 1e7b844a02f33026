#include "replay/verify/gap_totals.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

/* clang-format off */
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

static const struct section cause_section = {
    .name = "causes",
    .item = "cause",
    .title = "Causes",
    .is_list = true,
    .columns = cause_columns,
    .count = sizeof cause_columns / sizeof *cause_columns,
};

void gap_totals_add(struct gap_totals *totals, enum gap_cause cause, enum gap_state state, uint64_t numbers)
{
    struct gap_count *count = &totals->of[cause][state];

    count->gaps++;
    count->numbers += numbers;
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
