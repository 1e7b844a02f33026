/* options_value: one value of an options table, from its text into the program's struct.
 *
 * Seen by options.c and options_print.c only. */
#ifndef TASKLEDGER_PROTO_OPTIONS_VALUE_H
#define TASKLEDGER_PROTO_OPTIONS_VALUE_H

#include "proto/error.h"
#include "proto/options.h"

#include <stdbool.h>

enum { OPTIONS_VALUE_EXPECTED_BYTES = 256 };

/* Parse `text` and store it in the field of `target` that `spec` names. `text` must live as long as the process: it may
 * be stored itself. FATAL, "usage" when `by_flag`, else "config". */
bool options_value_store(const struct option_spec *spec, void *target, const char *text, bool by_flag,
                         struct error *error);

/* What is expected, with its limits: "a whole number from 1 to 1024". */
void options_value_expected(const struct option_spec *spec, char expected[OPTIONS_VALUE_EXPECTED_BYTES]);

#endif
