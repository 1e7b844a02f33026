/* rejected list: what was set aside. */
#include "replay/rejected/rejected.h"

#include "consumer/ledger/apply.h"
#include "proto/nearest.h"
#include "replay/cell.h"
#include "replay/ledger.h"

#include <assert.h>
#include <string.h>

static const struct postgres_statement statement = {
    "rejected_list",
    "SELECT id, rejected_at, reason, producer_id, sequence, stream, stream_id, payload_bytes, deliveries,"
    " detail, resolved_at, resolution FROM taskledger.rejected_event"
    " WHERE resolved_at IS NULL OR $1::bool ORDER BY id"};

/* clang-format off */
static const struct column columns[] = {
    {"id", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"rejected_at", "set aside", COLUMN_TIME, COLUMN_CELL},
    {"reason", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"event", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"stream", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"stream_id", "entry", COLUMN_TEXT, COLUMN_CELL},
    {"payload_bytes", "bytes", COLUMN_INTEGER, COLUMN_CELL},
    {"deliveries", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"detail", NULL, COLUMN_TEXT, COLUMN_YIELDING},
    {"resolved_at", "resolved", COLUMN_TIME, COLUMN_CELL},
    {"resolution", NULL, COLUMN_TEXT, COLUMN_YIELDING},
};

static const struct column total_columns[] = {
    {"rows", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"unresolved", NULL, COLUMN_INTEGER, COLUMN_CELL},
};
/* clang-format on */

static const struct section section = {
    .name = "rejected",
    .item = "rejected",
    .is_list = true,
    .is_main = true,
    .columns = columns,
    .count = sizeof columns / sizeof *columns,
};
static const struct section total_section = {
    .name = "total",
    .item = "total",
    .columns = total_columns,
    .count = sizeof total_columns / sizeof *total_columns,
};

struct list {
    struct replay *replay;
    bool wanted[APPLY_REASONS];
    bool wants_all;
    uint64_t rows;
    uint64_t unresolved;
};

static bool is_wanted(const struct list *list, struct slice reason)
{
    for (size_t i = 0; i < APPLY_REASONS; i++)
        if (list->wanted[i] && slice_equal(reason, slice_from_text(apply_reason_names[i])))
            return true;
    return list->wants_all;
}

static void show(const struct list *list, const struct postgres_row *row)
{
    char event[REJECTED_EVENT_BYTES];
    struct slice resolved_at = cell_of_row(row, 10);
    bool is_resolved = resolved_at.data != NULL;

    rejected_event_name(cell_of_row(row, 3), cell_of_row(row, 4), event);
    const struct value values[] = {
        value_integer(postgres_read_int64(cell_of_row(row, 0))),
        value_time(postgres_read_time_us(cell_of_row(row, 1))),
        value_toned(value_text(cell_of_row(row, 2)), is_resolved ? TONE_FAINT : TONE_BAD),
        value_words(event),
        value_text(cell_of_row(row, 5)),
        value_text(cell_of_row(row, 6)),
        value_integer(postgres_read_int64(cell_of_row(row, 7))),
        value_integer(postgres_read_int64(cell_of_row(row, 8))),
        value_text(cell_of_row(row, 9)),
        value_time(is_resolved ? postgres_read_time_us(resolved_at) : PROJECTION_NEVER),
        value_text(cell_of_row(row, 11)),
    };
    static_assert(sizeof values / sizeof *values == sizeof columns / sizeof *columns, "a value a column");
    output_row(list->replay->output, values);
}

static bool visit(void *self, const struct postgres_row *row, struct error *error)
{
    struct list *list = self;
    int64_t limit = list->replay->settings->limit;

    (void)error;
    if (!is_wanted(list, cell_of_row(row, 2)))
        return true;
    list->rows++;
    list->unresolved += cell_of_row(row, 10).data == NULL;
    if (limit == 0 || list->rows <= (uint64_t)limit)
        show(list, row);
    return true;
}

static bool choose(struct list *list, char *const *reasons, struct error *error)
{
    struct nearest nearest;

    list->wants_all = *reasons == NULL;
    for (; *reasons != NULL; reasons++) {
        size_t i = 0;

        nearest_init(&nearest, slice_from_text(*reasons));
        for (; i < APPLY_REASONS && strcmp(*reasons, apply_reason_names[i]) != 0; i++)
            nearest_offer(&nearest, apply_reason_names[i]);
        if (i == APPLY_REASONS)
            return nearest_refuse(&nearest, "reason", "", error);
        list->wanted[i] = true;
    }
    return true;
}

static void show_total(const struct list *list)
{
    const struct value values[] = {
        value_unsigned(list->rows),
        value_toned(value_unsigned(list->unresolved), list->unresolved > 0 ? TONE_BAD : TONE_GOOD),
    };

    output_begin(list->replay->output, &total_section);
    output_row(list->replay->output, values);
    output_end(list->replay->output);
}

bool rejected_list(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct ledger ledger = {.main = NULL};
    struct list list = {.replay = replay};
    const uint8_t all = replay->settings->all;
    const struct postgres_parameter parameter = {.value = slice_of(&all, sizeof all)};

    if (!choose(&list, arguments, error))
        return false;
    bool good =
        ledger_open(&ledger, replay->settings->database_url, replay->clock, error) && ledger_begin(&ledger, error);
    if (good) {
        output_begin(replay->output, &section);
        good = postgres_stream(ledger.main, &statement, &parameter, 1, visit, &list, error);
    }
    if (good) {
        output_end(replay->output);
        show_total(&list);
        *exit = list.unresolved > 0 ? EXIT_FINDINGS : EXIT_OK;
    }
    ledger_close(&ledger);
    return good;
}
