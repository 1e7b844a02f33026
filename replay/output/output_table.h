/* output_table: an answer as tables for people.
 *
 * A list's first rows are held back until it is known how wide its columns are: TABLE_ROWS_HELD of them or
 * TABLE_BYTES_HELD. What comes after is written with these widths. Columns in which nothing was given are left out when
 * the whole list was held back. Where a line of these would be wider than the terminal, yielding columns go below their
 * rows. */
#ifndef TASKLEDGER_REPLAY_OUTPUT_OUTPUT_TABLE_H
#define TASKLEDGER_REPLAY_OUTPUT_OUTPUT_TABLE_H

#include "replay/output/output.h"

#include <stdarg.h>

enum { TABLE_ROWS_HELD = 500, TABLE_BYTES_HELD = 1024 * 1024, TABLE_COLUMN_WIDTH_MAX = 60 };

void output_table_begin(struct output *output);
void output_table_row(struct output *output, const struct value *values);
void output_table_heading(struct output *output, const char *words);
void output_table_flush(struct output *output);
void output_table_end(struct output *output);
void output_table_say(struct output *output, enum tone tone, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

#endif
