/* Of an export: everything that is no event. */
#include "replay/transfer/import.h"

#include "consumer/ledger/task_rows.h"

#include <stdlib.h>

/* Page by page, each one transaction; what is there already is left as it is. */
enum { PAGE_RECORDS = 500, PAGE_BYTES_MAX = 4 * 1024 * 1024, KEPT_BYTES = 1024 * 1024 };

struct page {
    struct record records[PAGE_RECORDS];
    size_t count;
    struct columns columns[RECORD_KINDS];
    struct columns tasks;
};

/* The bases of pruned events would be counted on top of the events themselves. */
static const struct postgres_statement unpruned_statement = {
    "import_unpruned", "SELECT pruned.producer_id::text FROM unnest($1::uuid[]) AS pruned (producer_id)"
                       " WHERE EXISTS (SELECT FROM taskledger.task_event AS e"
                       "  WHERE e.producer_id = pruned.producer_id) LIMIT 1"};

/* ---- columns ---------------------------------------------------------------------------------------------------- */

static void init_columns(struct columns *columns, const struct record_form *form)
{
    enum columns_type types[RECORD_FIELDS_MAX + 1] = {0};

    for (size_t i = 0; i < form->count; i++)
        types[i] = record_columns_type(form->fields[i].type);
    columns_init(columns, &form->write, types);
}

static void add_row(struct columns *columns, const struct record *record)
{
    for (size_t i = 0; i < record_forms[record->kind].count; i++) {
        struct binary *column = columns_next(columns);

        if (record->values[i].data == NULL)
            binary_null(column);
        else
            binary_bytes(column, record->values[i]);
    }
}

static void init(struct page *page)
{
    for (enum record_kind kind = RECORD_BEGIN; kind < RECORD_KINDS; kind++)
        if (record_forms[kind].write.sql != NULL)
            init_columns(&page->columns[kind], &record_forms[kind]);
    task_rows_init(&page->tasks);
}

static void free_page(struct page *page)
{
    if (page == NULL)
        return;
    for (enum record_kind kind = RECORD_BEGIN; kind < RECORD_KINDS; kind++)
        columns_close(&page->columns[kind]);
    columns_close(&page->tasks);
    free(page);
}

/* ---- one page --------------------------------------------------------------------------------------------------- */

/* What PostgreSQL refuses in an archive was never in a ledger. */
static bool refused(struct import *import, const struct error *why, struct error *error)
{
    if (why->kind == ERROR_REJECTED)
        return frames_blame(&import->frames, error, "shortly before: %s", why->text);
    *error = *why;
    return false;
}

static bool ask(struct import *import, const struct postgres_statement *statement, struct columns *columns,
                struct postgres_result **result, struct error *error)
{
    struct postgres_parameter parameters[COLUMNS_MAX];
    struct error why = {.kind = ERROR_NONE};

    if (!columns_finish(columns, parameters, error))
        return false;
    return postgres_query(import->change.postgres, statement, parameters, columns->count, result, &why) ||
           refused(import, &why, error);
}

static bool check_pruned(struct import *import, const struct page *page, struct error *error)
{
    static const enum columns_type types[] = {COLUMNS_UUID, 0};
    AUTO_POSTGRES_RESULT result = NULL;
    struct columns pruned;
    struct slice found;

    columns_init(&pruned, &unpruned_statement, types);
    for (size_t i = 0; i < page->count; i++)
        if (page->records[i].values[PRODUCER_PRUNED_AT].data != NULL)
            binary_bytes(columns_next(&pruned), page->records[i].values[PRODUCER_ID]);
    bool good = pruned.rows == 0 || ask(import, &unpruned_statement, &pruned, &result, error);
    columns_close(&pruned);
    if (good && result != NULL && postgres_rows(result) > 0 && postgres_value(result, 0, 0, &found))
        return error_set(error, ERROR_FATAL, "usage",
                         "producer %.*s was pruned before this export, and its events are in this ledger: import it"
                         " into an empty one",
                         SLICE_PRINT(found));
    return good;
}

/* The bases that were added are merged into their tasks: they come back in the order in which they were given. */
static bool add_to_tasks(struct import *import, struct page *page, const struct postgres_result *added,
                         struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    struct slice task_id;
    size_t next = 0;

    columns_reset(&page->tasks);
    for (size_t i = 0; i < page->count && next < postgres_rows(added); i++) {
        if (!postgres_value(added, next, 0, &task_id) || !slice_equal(task_id, page->records[i].values[0]))
            continue;
        add_row(&page->tasks, &page->records[i]);
        next++;
    }
    import->added[RECORD_BASE] += next;
    if (next != postgres_rows(added))
        return error_set(error, ERROR_FATAL, "protocol", "bases came back in another order than they were given");
    return page->tasks.rows == 0 || columns_send(&page->tasks, import->change.postgres, &why) ||
           refused(import, &why, error);
}

static bool put_bases(struct import *import, struct page *page, struct error *error)
{
    struct postgres *postgres = import->change.postgres;
    AUTO_POSTGRES_RESULT added = NULL;

    return postgres_execute(postgres, "BEGIN", error) &&
           ask(import, &record_forms[RECORD_BASE].write, &page->columns[RECORD_BASE], &added, error) &&
           add_to_tasks(import, page, added, error) && postgres_execute(postgres, "COMMIT", error);
}

static bool put_others(struct import *import, enum record_kind kind, struct page *page, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice count;

    if (!ask(import, &record_forms[kind].write, &page->columns[kind], &result, error))
        return false;
    if (postgres_rows(result) == 1 && postgres_value(result, 0, 0, &count))
        import->added[kind] += (uint64_t)postgres_read_int64(count);
    return true;
}

/* Only the owner's maintenance may mark a producer as pruned. */
static bool put_producers(struct import *import, struct page *page, struct error *error)
{
    struct postgres *postgres = import->change.postgres;

    return check_pruned(import, page, error) &&
           postgres_execute(postgres, "BEGIN; SET LOCAL taskledger.maintenance = 'on'", error) &&
           put_others(import, RECORD_PRODUCER, page, error) && postgres_execute(postgres, "COMMIT", error);
}

static bool put_kind(struct import *import, enum record_kind kind, struct page *page, struct error *error)
{
    if (kind == RECORD_BASE)
        return put_bases(import, page, error);
    return kind == RECORD_PRODUCER ? put_producers(import, page, error) : put_others(import, kind, page, error);
}

static bool put(struct import *import, struct page *page, struct error *error)
{
    enum record_kind kind = page->count == 0 ? 0 : page->records[0].kind;

    if (page->count == 0)
        return true;
    columns_reset(&page->columns[kind]);
    for (size_t i = 0; i < page->count; i++)
        add_row(&page->columns[kind], &page->records[i]);
    if (!change_holds(&import->change, error) || !put_kind(import, kind, page, error))
        return false;
    page->count = 0;
    return true;
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static bool is_full(const struct import *import, const struct page *page, const struct record *next)
{
    return page->count == PAGE_RECORDS || import->arena.held_bytes > PAGE_BYTES_MAX ||
           (page->count > 0 && page->records[0].kind != next->kind);
}

/* Kinds come in their order, so that each finds what it needs. */
static bool check_order(struct import *import, enum record_kind *latest, const struct record *record,
                        struct error *error)
{
    if (record->kind < *latest)
        return frames_blame(&import->frames, error, "%s behind %s", record_forms[record->kind].name,
                            record_forms[*latest].name);
    *latest = record->kind;
    return record_forms[record->kind].fields[0].type != RECORD_UUID || record->values[0].data != NULL ||
           frames_blame(&import->frames, error, "%s without %s", record_forms[record->kind].name,
                        record_forms[record->kind].fields[0].name);
}

static bool put_all(struct import *import, struct page *page, struct record *record, struct error *error)
{
    enum record_kind latest = RECORD_BEGIN;

    for (;;) {
        if (page->count == 0)
            arena_reset(&import->arena, KEPT_BYTES);
        if (!frames_next(&import->frames, &import->arena, record, error) ||
            !check_order(import, &latest, record, error))
            return false;
        if (is_full(import, page, record) && !put(import, page, error))
            return false;
        if (record->kind >= RECORD_EVENT)
            return true;
        if (record->kind != RECORD_BEGIN)
            page->records[page->count++] = *record;
        console_progress_tell(&import->progress, "books", import->frames.number, import->expected);
    }
}

bool import_books(struct import *import, struct record *record, struct error *error)
{
    struct page *page = calloc(1, sizeof *page);

    if (page == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for a page of records");
    init(page);
    bool good = put_all(import, page, record, error);
    free_page(page);
    return good;
}
