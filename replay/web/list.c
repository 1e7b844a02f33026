#include "replay/web/list.h"

#include "replay/cell.h"
#include "replay/web/row_json.h"

#include <assert.h>

enum { PARAMETERS_MAX = BOOKMARK_KEYS_MAX + LIST_CONSTANTS_MAX + 1 };

/* ---- a row ------------------------------------------------------------------------------------------------------- */

static struct value value_of(const struct column *column, struct slice cell)
{
    if (cell.data == NULL)
        return value_words(NULL);
    switch (column->type) {
    case COLUMN_TIME:
        return value_time(postgres_read_time_us(cell));
    case COLUMN_BOOLEAN:
        return value_integer(postgres_read_boolean(cell));
    case COLUMN_INTEGER:
    case COLUMN_DURATION:
        return value_integer(postgres_read_int64(cell));
    case COLUMN_TEXT:
    case COLUMN_JSON:
    case COLUMN_FRACTION:
        break;
    }
    return value_text(cell);
}

static void write_columns(const struct list *list, const struct postgres_row *row, struct json_writer *json)
{
    struct value values[OUTPUT_COLUMNS_MAX];

    assert(list->column_count <= OUTPUT_COLUMNS_MAX);
    for (size_t i = 0; i < list->column_count; i++)
        values[i] = value_of(&list->columns[i], cell_of_row(row, i));
    json_writer_object_begin(json);
    row_json_members(json, list->columns, list->column_count, values, false);
    json_writer_object_end(json);
}

static bool write_row(const struct list_page *page, const struct postgres_row *row, struct error *error)
{
    if (page->list->write != NULL)
        return page->list->write(page->self, row, page->json, error);
    write_columns(page->list, row, page->json);
    return true;
}

/* ---- a page ------------------------------------------------------------------------------------------------------ */

static bool is_full(const struct list_page *page)
{
    return page->count == page->limit || page->json->length - page->began >= LIST_BYTES_MAX;
}

static bool take_row(void *self, const struct postgres_row *row, struct error *error)
{
    struct list_page *page = self;

    page->has_more = page->has_more || is_full(page);
    if (page->has_more)
        return true;
    if (!write_row(page, row, error))
        return false;
    for (size_t i = 0; i < page->list->shape.count; i++)
        bookmark_set(&page->last, i, cell_of_row(row, page->list->key_columns[i]));
    page->count++;
    return true;
}

/* What the walk needs; how many they are. */
static size_t fill_walk(const struct list_page *page, const struct bookmark *from,
                        struct postgres_parameter parameters[PARAMETERS_MAX])
{
    size_t count = 0;

    while (count < page->list->walk_constants) {
        parameters[count] = page->constants[count];
        count++;
    }
    for (size_t i = 0; i < page->list->shape.count; i++)
        parameters[count++] = (struct postgres_parameter){.value = bookmark_key(from, i)};
    return count;
}

/* There were too few rows that match: was that all, or only all that were walked? */
static bool look_for_end(struct list_page *page, const struct bookmark *from, struct error *error)
{
    struct postgres_parameter parameters[PARAMETERS_MAX];
    AUTO_POSTGRES_RESULT end = NULL;
    size_t count = fill_walk(page, from, parameters);

    if (!postgres_query(page->ledger->main, &page->list->end, parameters, count, &end, error))
        return false;
    page->has_more = postgres_rows(end) > 0;
    for (size_t i = 0; page->has_more && i < page->list->shape.count; i++)
        bookmark_set(&page->last, i, cell_of_result(end, 0, i));
    return true;
}

bool list_tell(struct list_page *page, const struct list *list, const struct bookmark *from, struct error *error)
{
    struct postgres_parameter parameters[PARAMETERS_MAX];
    uint8_t bytes[sizeof(int64_t)];

    assert(page->limit <= LIST_ROWS_MAX && page->constant_count <= LIST_CONSTANTS_MAX);
    if (from == NULL)
        from = &list->first;
    page->began = page->count == 0 ? page->json->length : page->began;
    page->list = list;
    page->has_more = false;
    page->last = *from;

    size_t count = fill_walk(page, from, parameters);
    for (size_t i = list->walk_constants; i < page->constant_count; i++)
        parameters[count++] = page->constants[i];
    parameters[count++] =
        (struct postgres_parameter){.value = ledger_bigint((uint64_t)(page->limit - page->count + 1), bytes)};
    return postgres_stream(page->ledger->main, &list->rows, parameters, count, take_row, page, error) &&
           (page->has_more || list->end.name == NULL || look_for_end(page, from, error));
}

void list_write_cursor(const struct list_page *page)
{
    char text[BOOKMARK_TEXT_BYTES_MAX];

    json_writer_key(page->json, "cursor");
    if (page->has_more)
        json_writer_string(page->json, slice_of(text, bookmark_write(&page->last, &page->list->shape, text)));
    else
        json_writer_null(page->json);
}

bool list_answer(struct list_page *page, const struct list *list, const char *name, const struct question *question,
                 struct error *error)
{
    const struct route_value *cursor = route_value(question, "cursor");
    struct bookmark from;

    if (cursor->is_given && !bookmark_read(cursor->text, &list->shape, &from, error))
        return false;
    page->limit = route_value(question, "limit")->integer;
    json_writer_key(page->json, name);
    json_writer_array_begin(page->json);
    if (!list_tell(page, list, cursor->is_given ? &from : NULL, error))
        return false;
    json_writer_array_end(page->json);
    list_write_cursor(page);
    return true;
}
