#include "replay/console.h"

#include "proto/text.h"
#include "replay/duration.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

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
