/* console: what taskledger-replay says to people besides its answer, on standard error. */
#ifndef TASKLEDGER_REPLAY_CONSOLE_H
#define TASKLEDGER_REPLAY_CONSOLE_H

#include "proto/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum { CONSOLE_LINE_BYTES_MAX = 1024 };

/* "taskledger-replay: <text>", without anything that could steer a terminal. */
void console_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What somebody who interrupts this command should know: how to go on with it. NULL: nothing. Kept until the next call. */
void console_on_interrupt(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say it. For the handler of a signal. */
void console_interrupted(void);

/* How far a long run has come: one line that is written over. A zeroed one is silent. */
struct console_progress {
    const struct clock *clock; /* NULL: silent */
    const char *phase;         /* the present one; rate and time left are its own */
    int64_t started_us;
    int64_t shown_us;
    bool is_shown;
};

void console_progress_start(struct console_progress *progress, const struct clock *clock);

/* "<phase>: 1200000 of about 10000000, 400000/s, 22 s left", at most 5 times a second. `phase` is static storage;
 * `expected` 0: not known. */
void console_progress_tell(struct console_progress *progress, const char *phase, uint64_t done, uint64_t expected);

/* Take the line away. */
void console_progress_end(struct console_progress *progress);

#endif
