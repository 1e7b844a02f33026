/* cell: a column as a value, for who shows or compares it: NULL is a slice without data. */
#ifndef TASKLEDGER_REPLAY_CELL_H
#define TASKLEDGER_REPLAY_CELL_H

#include "consumer/postgres/postgres.h"
#include "proto/projection.h"
#include "proto/slice.h"

#include <stddef.h>
#include <stdint.h>

/* Lives as long as the visit of the row. */
static inline struct slice cell_of_row(const struct postgres_row *row, size_t column)
{
    struct slice cell = {.data = NULL};

    postgres_row_value(row, column, &cell);
    return cell;
}

/* Lives as long as the result. */
static inline struct slice cell_of_result(const struct postgres_result *result, size_t row, size_t column)
{
    struct slice cell = {.data = NULL};

    postgres_value(result, row, column, &cell);
    return cell;
}

/* A bigint; 0 for NULL. */
static inline int64_t cell_integer(struct slice cell)
{
    return cell.data == NULL ? 0 : postgres_read_int64(cell);
}

/* The same of what is never negative. */
static inline uint64_t cell_unsigned(struct slice cell)
{
    return (uint64_t)cell_integer(cell);
}

/* PROJECTION_NEVER for NULL. */
static inline int64_t cell_time_us(struct slice cell)
{
    return cell.data == NULL ? PROJECTION_NEVER : postgres_read_time_us(cell);
}

#endif
