/* backlog: what lies in the stream, read by a program that prepares it before a clock starts. */
#ifndef TASKLEDGER_TESTS_BENCH_PROGRAMS_BACKLOG_H
#define TASKLEDGER_TESTS_BENCH_PROGRAMS_BACKLOG_H

#include "proto/entry.h"

#include <stddef.h>

enum { BACKLOG_BATCH_MAX = 5000 };

struct backlog;

/* Of REDIS_URL, from the first entry on. What fails ends the program with a line and exit code 1, here and below. */
struct backlog *backlog_open(void);
void backlog_close(struct backlog *backlog);

/* The next `limit` entries (at most BACKLOG_BATCH_MAX), fewer at the end; returns how many. They live until the next
 * call. */
size_t backlog_read(struct backlog *backlog, size_t limit, const struct entry **entries);

#endif
