#include "replay/history/tree.h"

#include "replay/console.h"
#include "replay/history/task_span.h"
#include "replay/ledger.h"
#include "replay/ledger_task.h"
#include "replay/pages.h"
#include "replay/task_row.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 3, HAS_CHILDREN = KEYS + 21, INDENT = 2 };

struct tree {
    struct replay *replay;
    struct ledger ledger;
    struct pages levels[TREE_DEPTH_MAX]; /* the children of the present task of the level above */
    size_t depth;                        /* levels in use */
    uint64_t shown;
    uint64_t deeper; /* tasks whose children were not shown */
    uint64_t cycles;
    uint64_t of_status[STATUS_COUNT];
};

/* The children of $1 behind ($2, $3), with the key in front. */
static const struct postgres_statement children_statement = {
    "replay_children", "SELECT parent_task_id, first_at, task_id, " LEDGER_TASK_COLUMNS ","
                       " EXISTS (SELECT FROM taskledger.task AS c WHERE c.parent_task_id = t.task_id)"
                       " FROM taskledger.task AS t"
                       " WHERE parent_task_id = $1::text AND (first_at, task_id) > ($2::timestamptz, $3::text)"
                       " ORDER BY first_at, task_id LIMIT 200"};

/* clang-format off */
static const struct column columns[] = {
    {"indented", "task", COLUMN_TEXT, COLUMN_PEOPLE},
    {"task_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"depth", NULL, COLUMN_INTEGER, COLUMN_MACHINE},
    {"parent_task_id", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"task_name", "name", COLUMN_TEXT, COLUMN_CELL},
    {"status", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"attempt", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"step", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"progress", NULL, COLUMN_FRACTION, COLUMN_CELL},
    {"worker", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"first_at", "first", COLUMN_TIME, COLUMN_CELL},
    {"started_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"finished_at", NULL, COLUMN_TIME, COLUMN_MACHINE},
    {"took_us", "took", COLUMN_DURATION, COLUMN_CELL},
    {"error_type", "error", COLUMN_TEXT, COLUMN_YIELDING},
    {"error_message", "error message", COLUMN_TEXT, COLUMN_YIELDING},
    {"note", NULL, COLUMN_TEXT, COLUMN_CELL},
};

static const struct column total_columns[] = {
    {"tasks", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"pending", "PENDING", COLUMN_INTEGER, COLUMN_CELL},
    {"queued", "QUEUED", COLUMN_INTEGER, COLUMN_CELL},
    {"running", "RUNNING", COLUMN_INTEGER, COLUMN_CELL},
    {"retry", "RETRY", COLUMN_INTEGER, COLUMN_CELL},
    {"success", "SUCCESS", COLUMN_INTEGER, COLUMN_CELL},
    {"partial_failure", "PARTIAL_FAILURE", COLUMN_INTEGER, COLUMN_CELL},
    {"failure", "FAILURE", COLUMN_INTEGER, COLUMN_CELL},
    {"cancelled", "CANCELLED", COLUMN_INTEGER, COLUMN_CELL},
    {"snapshot", NULL, COLUMN_TEXT, COLUMN_MACHINE},
};
/* clang-format on */

enum { TOTAL_COLUMNS = sizeof total_columns / sizeof *total_columns };

static const struct section section = {
    .name = "tree",
    .item = "task",
    .is_list = true,
    .is_main = true,
    .columns = columns,
    .count = sizeof columns / sizeof *columns,
};

static const struct section total_section = {
    .name = "total",
    .item = "total",
    .columns = total_columns,
    .count = TOTAL_COLUMNS,
};

static void show(struct tree *tree, const struct projection *task, size_t depth, const char *note)
{
    char indented[INDENT * TREE_DEPTH_MAX + EVENT_TASK_ID_BYTES_MAX + 1];
    size_t blanks = INDENT * depth, size = task->task_id.size;

    memset(indented, ' ', blanks);
    if (size > EVENT_TASK_ID_BYTES_MAX)
        size = EVENT_TASK_ID_BYTES_MAX;
    memcpy(indented + blanks, task->task_id.data, size);
    const struct value values[] = {
        value_text(slice_of(indented, blanks + size)),
        value_text(task->task_id),
        value_unsigned(depth),
        value_text(task->parent_task_id),
        value_text(task->task_name),
        value_toned(value_words(status_name(task->status)), task_row_tone(task->status)),
        value_integer(task->attempt),
        value_text(task->step),
        value_fraction(task->has_progress, task->progress),
        value_text(task->worker),
        value_time(task->first_at_us),
        value_time(task->started_at_us),
        value_time(task->finished_at_us),
        task_span(task, tree->ledger.now_us),
        value_toned(value_text(task->error_type), TONE_BAD),
        value_text(task->error_message),
        value_toned(value_words(note), TONE_ODD),
    };
    static_assert(sizeof values / sizeof *values == sizeof columns / sizeof *columns, "a value a column");
    output_row(tree->replay->output, values);
    tree->shown++;
    tree->of_status[task->status]++;
}

/* ---- down and up ------------------------------------------------------------------------------------------------ */

static void keep_key(struct pages_key *key, struct slice value)
{
    key->size = value.size < PAGES_KEY_BYTES_MAX ? value.size : PAGES_KEY_BYTES_MAX;
    memcpy(key->bytes, value.data, key->size);
}

/* To the children of a task: behind the first moment there is, and the empty name. */
static void descend(struct tree *tree, struct slice parent)
{
    static const uint8_t first_moment[sizeof(int64_t)] = {0x80}; /* -infinity */
    struct pages *pages = &tree->levels[tree->depth++];

    *pages = (struct pages){.postgres = tree->ledger.main, .statement = &children_statement, .key_count = KEYS};
    keep_key(&pages->keys[0], parent);
    keep_key(&pages->keys[1], slice_of(first_moment, sizeof first_moment));
}

/* Whether the task is one of those that lead to it. */
static bool is_ancestor(const struct tree *tree, struct slice task_id)
{
    for (size_t i = 0; i < tree->depth; i++) {
        const struct pages_key *parent = &tree->levels[i].keys[0];
        if (slice_equal(slice_of(parent->bytes, parent->size), task_id))
            return true;
    }
    return false;
}

static bool has_children(const struct pages *pages)
{
    struct slice value = {.data = NULL};

    return pages_value(pages, HAS_CHILDREN, &value) && postgres_read_boolean(value);
}

/* The present task of the deepest level, and where to go from there. */
static void visit(struct tree *tree)
{
    struct pages *pages = &tree->levels[tree->depth - 1];
    struct projection task = {.attempt = 0};

    ledger_task_read_behind(pages->page, pages->row, KEYS, &task);
    if (is_ancestor(tree, task.task_id)) {
        tree->cycles++;
        show(tree, &task, tree->depth, "its own ancestor");
        return;
    }
    if (!has_children(pages)) {
        show(tree, &task, tree->depth, NULL);
        return;
    }
    if (tree->depth == TREE_DEPTH_MAX - 1) {
        tree->deeper++;
        show(tree, &task, tree->depth, "children not shown");
        return;
    }
    show(tree, &task, tree->depth, NULL);
    descend(tree, task.task_id);
}

static bool walk(struct tree *tree, struct error *error)
{
    while (tree->depth > 0) {
        struct pages *pages = &tree->levels[tree->depth - 1];

        if (!pages_next(pages, error))
            return false;
        if (!pages->ended) {
            visit(tree);
            continue;
        }
        pages_close(pages);
        tree->depth--;
    }
    return true;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

static void show_total(struct tree *tree)
{
    bool is_table = tree->replay->output->format == OUTPUT_TABLE;
    struct value values[TOTAL_COLUMNS];

    values[0] = value_unsigned(tree->shown);
    for (enum status status = STATUS_PENDING; status <= STATUS_CANCELLED; status++) {
        values[status] = value_toned(value_unsigned(tree->of_status[status]), task_row_tone(status));
        values[status].is_given = !is_table || tree->of_status[status] > 0;
    }
    values[TOTAL_COLUMNS - 1] = value_words(tree->ledger.snapshot);
    output_begin(tree->replay->output, &total_section);
    output_row(tree->replay->output, values);
    output_end(tree->replay->output);
}

static bool tell(struct tree *tree, struct slice task_id, enum exit_code *exit, struct error *error)
{
    AUTO_POSTGRES_RESULT row = NULL;
    struct projection root;

    if (!ledger_task_find(&tree->ledger, task_id, &row, &root, error))
        return false;
    if (row == NULL) {
        console_say("there is no task \"%.*s\" in the ledger", SLICE_PRINT(task_id));
        *exit = EXIT_FINDINGS;
        return true;
    }

    output_begin(tree->replay->output, &section);
    show(tree, &root, 0, NULL);
    descend(tree, task_id);
    if (!walk(tree, error))
        return false;
    output_end(tree->replay->output);
    show_total(tree);
    if (tree->cycles > 0)
        console_say("%" PRIu64 " of these tasks are their own ancestors: somebody named a wrong parent", tree->cycles);
    if (tree->deeper > 0)
        console_say("tasks deeper than %d levels are not shown: ask for one of the last ones", TREE_DEPTH_MAX - 1);
    *exit = tree->deeper > 0 ? EXIT_INCOMPLETE : EXIT_OK;
    return true;
}

bool tree_tell(struct replay *replay, struct slice task_id, enum exit_code *exit, struct error *error)
{
    struct tree *tree = calloc(1, sizeof *tree);

    if (tree == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot tell a tree: out of memory");
    tree->replay = replay;
    bool good = ledger_open(&tree->ledger, replay->settings->database_url, replay->clock, error) &&
                ledger_begin(&tree->ledger, error) && tell(tree, task_id, exit, error);
    while (tree->depth > 0)
        pages_close(&tree->levels[--tree->depth]);
    ledger_close(&tree->ledger);
    free(tree);
    return good;
}
