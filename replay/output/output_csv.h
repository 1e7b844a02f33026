/* output_csv: the main section of an answer as RFC 4180, with a line of names.
 *
 * A value that is not given is an empty field without quotes. The data is exact, except on a terminal. */
#ifndef TASKLEDGER_REPLAY_OUTPUT_OUTPUT_CSV_H
#define TASKLEDGER_REPLAY_OUTPUT_OUTPUT_CSV_H

#include "replay/output/output.h"

void output_csv_begin(struct output *output);
void output_csv_row(struct output *output, const struct value *values);

#endif
