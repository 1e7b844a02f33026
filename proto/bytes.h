/* bytes: a number of bytes as people write it: 4096, 64MiB, 256M, 1GB.
 *
 * K, M, G and T are powers of 1024, with or without "iB" or "B" behind them, in capitals or not: so PostgreSQL and
 * Redis take "MB", too. Digits only before the unit, and nothing between the two. */
#ifndef TASKLEDGER_PROTO_BYTES_H
#define TASKLEDGER_PROTO_BYTES_H

#include <stdbool.h>
#include <stdint.h>

enum { BYTES_TEXT_MAX = 32 };

/* False: it is not a number of bytes, or does not fit; `*bytes` is left as it was. */
bool bytes_read(const char *text, int64_t *bytes);

/* In the largest unit that divides it: 67108864 is "64MiB", and 1000 is "1000". Not negative. */
void bytes_format(int64_t bytes, char text[BYTES_TEXT_MAX]);

#endif
