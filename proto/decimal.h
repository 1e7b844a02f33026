/* decimal: whole numbers as digits: no sign, no space, nothing that does not fit. */
#ifndef TASKLEDGER_PROTO_DECIMAL_H
#define TASKLEDGER_PROTO_DECIMAL_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_BYTES_MAX = 20 };

/* Take a number off the front. False: there is none, or it does not fit; the text is left as it was. */
bool decimal_take(struct slice *text, uint64_t *number);

/* All of the text, at most `maximum`. */
bool decimal_read(struct slice text, uint64_t maximum, uint64_t *number);

/* The digits of a number, without a NUL. How many they are. */
size_t decimal_write(uint64_t number, char text[DECIMAL_BYTES_MAX]);

#endif
