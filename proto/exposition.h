/* exposition: numbers as Prometheus reads them, in its text format, version 0.0.4.
 *
 *   # HELP taskledger_stream_length Entries in the stream.
 *   # TYPE taskledger_stream_length gauge
 *   taskledger_stream_length{shard="0"} 12
 *
 * All samples of one name stand together, behind its description. */
#ifndef TASKLEDGER_PROTO_EXPOSITION_H
#define TASKLEDGER_PROTO_EXPOSITION_H

#include "proto/slice.h"

#include <stdint.h>
#include <stdio.h>

/* The two lines before the samples. `type` is counter, gauge or histogram; `help` has neither a backslash nor an end of
 * line. */
void exposition_describe(const char *name, const char *type, const char *help, FILE *out);

/* What stands between the quotes of a label, whatever the bytes are: a page with one label that is not UTF-8, or with a
 * sample twice, is thrown away as a whole. What a terminal must not see (proto/text.h) becomes visible, as \x1b; two
 * values never become the same one. */
void exposition_label(struct slice value, FILE *out);

/* A moment in seconds, with its fraction, and an end of line. Not before 1970. */
void exposition_time(int64_t unix_us, FILE *out);

#endif
