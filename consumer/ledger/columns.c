#include "consumer/ledger/columns.h"

#include <assert.h>

/* An array of one dimension: how many dimensions, whether there are NULLs, the type of its elements; then for the one
 * dimension how many elements, and the number of the first. */
enum { HEADER_BYTES = 20, LENGTH_AT = 12 };

static void begin_array(struct binary *column, int32_t type)
{
    binary_reset(column);
    binary_append_int32(column, 1);
    binary_append_int32(column, 1);
    binary_append_int32(column, type);
    binary_append_int32(column, 0);
    binary_append_int32(column, 1);
}

void columns_init(struct columns *columns, const struct postgres_statement *statement, const enum columns_type *types)
{
    *columns = (struct columns){.statement = statement};
    while (types[columns->count] != 0) {
        assert(columns->count < COLUMNS_MAX);
        begin_array(&columns->column[columns->count], (int32_t)types[columns->count]);
        columns->count++;
    }
}

void columns_close(struct columns *columns)
{
    for (size_t i = 0; i < columns->count; i++)
        binary_close(&columns->column[i]);
}

void columns_reset(struct columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (!columns->column[i].failed)
            columns->column[i].size = HEADER_BYTES;
    }
    columns->rows = 0;
    columns->next = 0;
}

struct binary *columns_next(struct columns *columns)
{
    struct binary *column = &columns->column[columns->next];

    columns->next++;
    if (columns->next == columns->count) {
        columns->next = 0;
        columns->rows++;
    }
    return column;
}

bool columns_full(const struct columns *columns)
{
    size_t bytes = 0;

    assert(columns->next == 0);
    for (size_t i = 0; i < columns->count; i++)
        bytes += columns->column[i].size;
    return bytes >= COLUMNS_BYTES_MAX;
}

bool columns_finish(struct columns *columns, struct postgres_parameter *parameters, struct error *error)
{
    assert(columns->next == 0);
    for (size_t i = 0; i < columns->count; i++) {
        struct binary *column = &columns->column[i];

        if (column->failed)
            return error_set(error, ERROR_FATAL, "memory", "cannot get memory for %zu rows", columns->rows);
        binary_replace_int32(column, LENGTH_AT, (int32_t)columns->rows);
        parameters[i] = (struct postgres_parameter){.value = binary_slice(column)};
    }
    return true;
}

bool columns_send(struct columns *columns, struct postgres *postgres, struct error *error)
{
    struct postgres_parameter parameters[COLUMNS_MAX];

    if (!columns_finish(columns, parameters, error) ||
        !postgres_query(postgres, columns->statement, parameters, columns->count, NULL, error))
        return false;
    columns_reset(columns);
    return true;
}
