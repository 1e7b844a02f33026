/* decimal: whole numbers as digits: no sign, no space, nothing that does not fit. */
#ifndef TASKLEDGER_PROTO_DECIMAL_H
#define TASKLEDGER_PROTO_DECIMAL_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Take a number off the front. False: there is none, or it does not fit; the text is left as it was. */
bool decimal_take(struct slice *text, uint64_t *number);

/* All of the text, at most `maximum`. */
bool decimal_read(struct slice text, uint64_t maximum, uint64_t *number);

#endif
