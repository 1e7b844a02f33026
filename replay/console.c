#include "replay/console.h"

#include "proto/text.h"
#include "replay/duration.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SECOND_US = 1000000, SHOW_EVERY_US = SECOND_US / 5 };

void console_say(const char *format, ...)
{
    char line[CONSOLE_LINE_BYTES_MAX];
    struct arena arena = {.limit_bytes = 0};
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    struct slice harmless = text_escape(slice_from_text(line), &arena);
    if (harmless.data != NULL)
        fprintf(stderr, "taskledger-replay: %.*s\n", SLICE_PRINT(harmless));
    arena_close(&arena);
}

/* Two of them: the handler never reads what is being written. */
static char hints[2][CONSOLE_LINE_BYTES_MAX];
static const char *volatile hint;

void console_on_interrupt(const char *format, ...)
{
    char *free_one = hint == hints[0] ? hints[1] : hints[0];
    va_list arguments;

    if (format == NULL) {
        hint = NULL;
        return;
    }
    va_start(arguments, format);
    vsnprintf(free_one, CONSOLE_LINE_BYTES_MAX, format, arguments);
    va_end(arguments);
    hint = free_one;
}

void console_interrupted(void)
{
    const char *said = hint;

    if (said == NULL)
        return;
    (void)!write(STDERR_FILENO, "\n", 1);
    (void)!write(STDERR_FILENO, said, strlen(said));
    (void)!write(STDERR_FILENO, "\n", 1);
}

void console_progress_start(struct console_progress *progress, const struct clock *clock)
{
    *progress = (struct console_progress){.clock = clock};
}

void console_progress_tell(struct console_progress *progress, const char *phase, uint64_t done, uint64_t expected)
{
    if (progress->clock == NULL)
        return;

    int64_t now_us = progress->clock->monotonic_us(progress->clock->self);
    if (progress->phase != phase) {
        progress->phase = phase;
        progress->started_us = now_us - SHOW_EVERY_US;
    }
    if (now_us - progress->shown_us < SHOW_EVERY_US)
        return;

    double rate = (double)done * SECOND_US / (double)(now_us - progress->started_us);
    fprintf(stderr, "\r\x1b[K%s: %" PRIu64, phase, done);
    if (expected > 0)
        fprintf(stderr, " of about %" PRIu64, expected);
    fprintf(stderr, ", %.0f/s", rate);
    if (expected > done && rate > 0) {
        char left[DURATION_TEXT_BYTES];
        duration_format((int64_t)((double)(expected - done) / rate * SECOND_US), left);
        fprintf(stderr, ", %s left", left);
    }
    progress->shown_us = now_us;
    progress->is_shown = true;
}

void console_progress_end(struct console_progress *progress)
{
    if (progress->is_shown)
        fputs("\r\x1b[K", stderr);
    progress->is_shown = false;
}
