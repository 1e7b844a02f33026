/* row_json: a row of the read side as JSON: the columns that its table has for machines, by their names.
 *
 * Times are UTC with six digits; what is not given is null. Text is as it was told, escaped by JSON alone: whoever shows
 * it makes it harmless for his medium. */
#ifndef TASKLEDGER_REPLAY_WEB_ROW_JSON_H
#define TASKLEDGER_REPLAY_WEB_ROW_JSON_H

#include "proto/json_writer.h"
#include "proto/slice.h"
#include "replay/output/output.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROW_JSON_TEXT_BYTES = 512 }; /* of message and error_message in a list */

void row_json_time(struct json_writer *json, int64_t unix_us);

/* Keys and values of a row, without the braces. In a list there is no JSON of tasks ("data"), and `message` and
 * `error_message` are cut at a character and end with an ellipsis. */
void row_json_members(struct json_writer *json, const struct column *columns, size_t count, const struct value *values,
                      bool is_listed);

#endif
