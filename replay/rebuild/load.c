#include "replay/rebuild/load.h"

#include "consumer/ledger/task_cells.h"

static const char copy_sql[] = "COPY taskledger.task_rebuild (" TASK_CELLS_COLUMNS ") FROM STDIN (FORMAT binary)";

static struct binary *next_cell(void *self)
{
    return self;
}

bool load_add(struct load *load, const struct projection *task, struct error *error)
{
    struct binary *buffer = &load->buffer;

    if (buffer->size == 0)
        binary_copy_header(buffer);
    binary_append_int16(buffer, TASK_CELLS);
    task_cells_write(task, next_cell, buffer);
    return buffer->size < LOAD_PART_BYTES || load_end(load, error);
}

bool load_end(struct load *load, struct error *error)
{
    struct binary *buffer = &load->buffer;

    if (buffer->size == 0)
        return true;
    binary_copy_trailer(buffer);
    if (buffer->failed)
        return error_set(error, ERROR_FATAL, "memory", "cannot get memory for rows of tasks");
    if (!postgres_copy_begin(load->postgres, copy_sql, error) ||
        !postgres_copy_put(load->postgres, binary_slice(buffer), error) || !postgres_copy_end(load->postgres, error))
        return false;
    binary_reset(buffer);
    return true;
}

void load_close(struct load *load)
{
    binary_close(&load->buffer);
}
