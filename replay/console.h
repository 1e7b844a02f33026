/* console: what taskledger-replay says to people, or to a program in their place, besides its answer: on standard
 * error.
 *
 * Sentences are never lost in the telling of progress: what stands on a terminal's line is taken away first, and with
 * --progress json they are objects too, so that standard error is one JSON object a line:
 *
 *   {"message_type":"progress","phase":"events","done":1200000,"total":10000000,"rate":400000,"seconds_left":22,
 *    "errors":0,"ended":false}
 *   {"message_type":"message","text":"the stream was not checked: ..."}
 */
#ifndef TASKLEDGER_REPLAY_CONSOLE_H
#define TASKLEDGER_REPLAY_CONSOLE_H

#include "proto/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONSOLE_LINE_BYTES_MAX = 1024 };

struct console_options {
    const char *progress;    /* "auto", "plain", "json" or "off" */
    bool is_terminal;        /* standard error is one, and lines on it can be written over */
    size_t (*columns)(void); /* how wide it is now; 0: not known */
};

/* How to speak from now on. Before: sentences as they are, no progress. */
void console_use(const struct console_options *options);

/* "taskledger-replay: <text>", without anything that could steer a terminal. */
void console_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What somebody who interrupts this command should know: how to go on with it. NULL: nothing. Kept until the next
 * call. */
void console_on_interrupt(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say it. For the handler of a signal. */
void console_interrupted(void);

/* How far a long run has come. A zeroed one is silent.
 *
 *   on a terminal  one line that is written over, up to 5 times a second; nothing in the first second
 *   plain          a line each 10 s, and one at the end of each phase
 *   json           an object each second, and one at the end of each phase
 *
 * "auto" is the first on a terminal and plain elsewhere, of runs that take longer than a second. */
struct console_progress {
    const struct clock *clock; /* NULL: silent */
    const char *phase;         /* the present one; rate and time left are its own */
    uint64_t done;
    uint64_t total;  /* as the phase's first telling had it; 0: not known */
    uint64_t errors; /* of the whole run so far; its owner counts them here */
    int64_t began_us;
    int64_t phase_us; /* when it began */
    int64_t told_us;
    int64_t shown_us;
};

/* Silent with --progress off. */
void console_progress_start(struct console_progress *progress, const struct clock *clock);

/* "<phase>: 1200000 of about 10000000, 12 %, 400000/s, 22 s left". `phase` is static storage; `expected` 0: not known.
 * More than what was expected makes the total grow, and never more than 100 %. */
void console_progress_tell(struct console_progress *progress, const char *phase, uint64_t done, uint64_t expected);

/* The phase has ended: tell it, or take the line away. */
void console_progress_end(struct console_progress *progress);

#endif
