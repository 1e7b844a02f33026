#include "replay/ledger_task.h"

#include "proto/status.h"
#include "replay/cell.h"

enum { UPDATED_AT = 21 }; /* behind the columns of the projection */

/* A row of a result, or one that streams in. */
struct reader {
    const struct postgres_result *result;
    size_t row;
    const struct postgres_row *streamed; /* NULL: of the result */
    size_t column;
};

static struct slice next(struct reader *reader)
{
    struct slice value = {.size = 0};
    size_t column = reader->column++;
    bool is_given = reader->streamed != NULL ? postgres_row_value(reader->streamed, column, &value)
                                             : postgres_value(reader->result, reader->row, column, &value);

    return is_given ? value : (struct slice){.data = NULL};
}

static int64_t next_time(struct reader *reader)
{
    return cell_time_us(next(reader));
}

static struct slice next_json(struct reader *reader)
{
    struct slice value = next(reader);

    return value.data == NULL ? value : postgres_read_jsonb(value);
}

static void read_projection(struct reader *reader, struct projection *projection)
{
    projection->task_id = next(reader);
    projection->status = status_parse(next(reader));
    projection->attempt = (uint32_t)postgres_read_int32(next(reader));
    projection->step = next(reader);
    struct slice progress = next(reader);
    projection->has_progress = progress.data != NULL;
    projection->progress = projection->has_progress ? postgres_read_double(progress) : 0;
    projection->message = next(reader);
    projection->worker = next(reader);
    projection->queue = next(reader);
    projection->task_name = next(reader);
    projection->parent_task_id = next(reader);
    projection->error_type = next(reader);
    projection->error_message = next(reader);
    projection->data_json = next_json(reader);
    projection->first_at_us = next_time(reader);
    projection->queued_at_us = next_time(reader);
    projection->started_at_us = next_time(reader);
    projection->finished_at_us = next_time(reader);
    projection->occurred_at_us = next_time(reader);
    projection->producer_id = postgres_read_uuid(next(reader));
    projection->sequence = (uint64_t)postgres_read_int64(next(reader));
    projection->event_count = (uint64_t)postgres_read_int64(next(reader));
}

void ledger_task_read(const struct postgres_result *result, size_t row, struct projection *projection)
{
    ledger_task_read_behind(result, row, 0, projection);
}

void ledger_task_read_behind(const struct postgres_result *result, size_t row, size_t before,
                             struct projection *projection)
{
    struct reader reader = {.result = result, .row = row, .column = before};

    read_projection(&reader, projection);
}

void ledger_task_read_streamed(const struct postgres_row *row, struct projection *projection)
{
    struct reader reader = {.streamed = row};

    read_projection(&reader, projection);
}

const char *ledger_task_empty(const struct postgres_row *row)
{
    static const struct {
        size_t column;
        const char *name;
    } texts[] = {{3, "step"},      {5, "message"},        {6, "worker"},      {7, "queue"},
                 {8, "task_name"}, {9, "parent_task_id"}, {10, "error_type"}, {11, "error_message"}};
    struct slice value;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (postgres_row_value(row, texts[i].column, &value) && value.size == 0)
            return texts[i].name;
    return NULL;
}

int64_t ledger_task_updated_at(const struct postgres_result *result)
{
    struct slice value;

    return postgres_value(result, 0, UPDATED_AT, &value) ? postgres_read_time_us(value) : PROJECTION_NEVER;
}

static const struct postgres_statement task_statement = {
    "replay_task", "SELECT " LEDGER_TASK_COLUMNS ", updated_at FROM taskledger.task WHERE task_id = $1::text"};
static const struct postgres_statement base_statement = {
    "replay_base", "SELECT " LEDGER_TASK_COLUMNS " FROM taskledger.task_base WHERE task_id = $1::text"};

static bool find(struct postgres *postgres, const struct postgres_statement *statement, struct slice task_id,
                 struct postgres_result **result, struct error *error)
{
    const struct postgres_parameter parameter = {.value = task_id};

    if (!postgres_query(postgres, statement, &parameter, 1, result, error))
        return false;
    if (postgres_rows(*result) > 0)
        return true;
    postgres_result_free(*result);
    *result = NULL;
    return true;
}

bool ledger_task_find(struct ledger *ledger, struct slice task_id, struct postgres_result **result,
                      struct projection *projection, struct error *error)
{
    if (!find(ledger->main, &task_statement, task_id, result, error))
        return false;
    if (*result != NULL)
        ledger_task_read(*result, 0, projection);
    return true;
}

bool ledger_task_find_base(struct ledger *ledger, struct slice task_id, struct postgres_result **result,
                           struct projection *projection, struct error *error)
{
    if (!find(ledger->main, &base_statement, task_id, result, error))
        return false;
    if (*result != NULL)
        ledger_task_read(*result, 0, projection);
    return true;
}
