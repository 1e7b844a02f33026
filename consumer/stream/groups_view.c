#include "consumer/stream/groups_view.h"

#include "proto/json_writer.h"
#include "proto/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS = 8,
    CELL_BYTES = 24,
    GAP = 2,
    MS_PER_S = 1000,
    S_PER_MINUTE = 60,
    S_PER_HOUR = 3600,
    S_PER_DAY = 86400
};

static const char *const titles[COLUMNS] = {
    "group", "shard", "consumers", "pending", "lag", "oldest unsettled", "idle", "holds back",
};

bool groups_view_init(struct groups_view *view, const char *stream, unsigned shards, struct error *error)
{
    *view = (struct groups_view){.shards = calloc(shards, sizeof *view->shards)};
    arena_init(&view->arena, 0);
    if (view->shards != NULL && keys_init(&view->keys, stream, shards))
        return true;
    groups_view_close(view);
    return error_set(error, ERROR_FATAL, "memory", "cannot allocate for %u shards", shards);
}

void groups_view_close(struct groups_view *view)
{
    keys_close(&view->keys);
    arena_close(&view->arena);
    free(view->shards);
}

bool groups_view_look(struct groups_view *view, struct redis *line, const char *own, struct error *error)
{
    for (unsigned shard = 0; shard < view->keys.shards; shard++)
        if (!groups_look(&view->shards[shard], line, &view->arena, view->keys.texts[shard], own, error))
            return false;
    return true;
}

/* ---- for people -------------------------------------------------------------------------------------------------- */

/* The two largest units: "3d04h", "2h05m", "3m20s", "42s". */
static void say_duration(int64_t ms, char text[CELL_BYTES])
{
    int64_t s = ms / MS_PER_S;

    if (s >= S_PER_DAY)
        snprintf(text, CELL_BYTES, "%" PRId64 "d%02dh", s / S_PER_DAY, (int)(s % S_PER_DAY / S_PER_HOUR));
    else if (s >= S_PER_HOUR)
        snprintf(text, CELL_BYTES, "%dh%02dm", (int)(s / S_PER_HOUR), (int)(s % S_PER_HOUR / S_PER_MINUTE));
    else if (s >= S_PER_MINUTE)
        snprintf(text, CELL_BYTES, "%dm%02ds", (int)(s / S_PER_MINUTE), (int)(s % S_PER_MINUTE));
    else
        snprintf(text, CELL_BYTES, "%ds", (int)s);
}

struct line {
    struct slice cells[COLUMNS];
    char texts[COLUMNS][CELL_BYTES];
};

static void set_number(struct line *line, int column, int64_t number)
{
    snprintf(line->texts[column], CELL_BYTES, "%" PRId64, number);
}

static void fill(struct line *line, const struct groups_row *row, unsigned shard, struct arena *arena)
{
    set_number(line, 1, shard);
    set_number(line, 2, row->consumers);
    set_number(line, 3, row->pending);
    set_number(line, 4, row->lag);
    set_number(line, 7, row->holds_back);
    snprintf(line->texts[5], CELL_BYTES, "-");
    if (row->oldest_ms >= 0)
        say_duration(row->oldest_ms, line->texts[5]);
    snprintf(line->texts[6], CELL_BYTES, "-");
    if (row->idle_ms >= 0)
        say_duration(row->idle_ms, line->texts[6]);
    for (int column = 1; column < COLUMNS; column++)
        line->cells[column] = slice_from_text(line->texts[column]);
    line->cells[0] = text_escape(row->name, arena);
}

static void widen(size_t widths[COLUMNS], const struct line *line)
{
    for (int column = 0; column < COLUMNS; column++) {
        size_t width = text_width(line->cells[column]);
        if (width > widths[column])
            widths[column] = width;
    }
}

/* Names to the left, numbers to the right. */
static void print_line(const size_t widths[COLUMNS], const struct line *line, const char *end, FILE *out)
{
    for (int column = 0; column < COLUMNS; column++) {
        int space = (int)(widths[column] - text_width(line->cells[column]));

        if (column == 0)
            fprintf(out, "%.*s%*s", SLICE_PRINT(line->cells[column]), space, "");
        else
            fprintf(out, "%*s%.*s", GAP + space, "", SLICE_PRINT(line->cells[column]));
    }
    fprintf(out, "%s\n", end);
}

/* Called for each row, with what is handed through. */
typedef void row_visitor(size_t widths[COLUMNS], const struct line *line, const struct groups_row *row, FILE *out);

static void visit_rows(struct groups_view *view, row_visitor *visit, size_t widths[COLUMNS], FILE *out)
{
    for (unsigned shard = 0; shard < view->keys.shards; shard++)
        for (size_t i = 0; i < view->shards[shard].count; i++) {
            const struct groups_row *row = &view->shards[shard].rows[i];
            struct line line;

            fill(&line, row, shard, &view->arena);
            visit(widths, &line, row, out);
        }
}

static void measure_row(size_t widths[COLUMNS], const struct line *line, const struct groups_row *row, FILE *out)
{
    (void)row;
    (void)out;
    widen(widths, line);
}

static void print_row(size_t widths[COLUMNS], const struct line *line, const struct groups_row *row, FILE *out)
{
    print_line(widths, line, row->is_ours ? "  ours" : "", out);
}

void groups_view_print_table(struct groups_view *view, FILE *out)
{
    size_t widths[COLUMNS] = {0};
    struct line head;

    for (int column = 0; column < COLUMNS; column++)
        head.cells[column] = slice_from_text(titles[column]);
    widen(widths, &head);
    visit_rows(view, measure_row, widths, out);
    print_line(widths, &head, "", out);
    visit_rows(view, print_row, widths, out);
}

/* ---- for machines ------------------------------------------------------------------------------------------------ */

static void write_integer(struct json_writer *json, const char *key, int64_t value)
{
    json_writer_key(json, key);
    json_writer_integer(json, value);
}

/* What is below 0 is not there. */
static void write_if_there(struct json_writer *json, const char *key, int64_t value)
{
    json_writer_key(json, key);
    if (value < 0)
        json_writer_null(json);
    else
        json_writer_integer(json, value);
}

static void write_row(struct json_writer *json, const char *key, unsigned shard, const struct groups_row *row)
{
    json_writer_object_begin(json);
    json_writer_key(json, "group");
    json_writer_string(json, row->name);
    json_writer_key(json, "ours");
    json_writer_boolean(json, row->is_ours);
    json_writer_key(json, "stream");
    json_writer_text(json, key);
    write_integer(json, "shard", shard);
    write_integer(json, "consumers", row->consumers);
    write_integer(json, "pending", row->pending);
    write_integer(json, "lag", row->lag);
    write_if_there(json, "oldest_unsettled_ms", row->oldest_ms);
    write_if_there(json, "idle_ms", row->idle_ms);
    write_integer(json, "holds_back", row->holds_back);
    json_writer_object_end(json);
}

bool groups_view_print_json(const struct groups_view *view, FILE *out, struct error *error)
{
    struct json_writer json = {0};

    json_writer_object_begin(&json);
    json_writer_key(&json, "groups");
    json_writer_array_begin(&json);
    for (unsigned shard = 0; shard < view->keys.shards; shard++)
        for (size_t i = 0; i < view->shards[shard].count; i++)
            write_row(&json, view->keys.texts[shard], shard, &view->shards[shard].rows[i]);
    json_writer_array_end(&json);
    json_writer_object_end(&json);
    json_writer_newline(&json);

    bool good = !json.failed;
    if (good)
        fprintf(out, "%.*s", SLICE_PRINT(json_writer_slice(&json)));
    json_writer_close(&json);
    return good || error_set(error, ERROR_TRANSIENT, "memory", "could not write the groups: out of memory");
}
