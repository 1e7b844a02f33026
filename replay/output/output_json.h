/* output_json: an answer as one JSON object, or as a JSON object a line.
 *
 * Characters that a terminal would obey are escaped in either, which leaves the value what it is. */
#ifndef TASKLEDGER_REPLAY_OUTPUT_OUTPUT_JSON_H
#define TASKLEDGER_REPLAY_OUTPUT_OUTPUT_JSON_H

#include "replay/output/output.h"

void output_json_begin(struct output *output);
void output_json_row(struct output *output, const struct value *values);
void output_json_end(struct output *output);
void output_json_close(struct output *output);

#endif
