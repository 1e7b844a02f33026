#include "replay/web/task_api.h"

#include "replay/ledger_task.h"
#include "replay/task_row.h"
#include "replay/web/row_json.h"

void task_api_write(struct json_writer *json, const struct projection *projection, int64_t updated_at_us,
                    bool is_listed)
{
    struct task_row row;

    task_row_fill(&row, projection, updated_at_us);
    json_writer_object_begin(json);
    row_json_members(json, task_row_columns, TASK_ROW_COLUMNS, row.values, is_listed);
    json_writer_object_end(json);
}

bool task_api_tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error)
{
    AUTO_POSTGRES_RESULT row = NULL;
    struct projection projection;

    if (!ledger_task_find(&desk->ledger, question->part, &row, &projection, error))
        return false;
    if (row == NULL)
        return error_set(error, ERROR_REJECTED, "not_found", "there is no such task");

    json_writer_key(json, "task");
    task_api_write(json, &projection, ledger_task_updated_at(row), false);
    return true;
}
