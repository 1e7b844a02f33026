#include "producer/emit/console.h"

#include "proto/arena.h"
#include "proto/text.h"

#include <errno.h>
#include <signal.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* No byte becomes more than four: \x1b. The rest is for the name in front, and the arena's own. */
enum { LINE_BYTES_MAX = 5 * CONSOLE_TEXT_BYTES_MAX };

/* One write, so that lines of several processes on one terminal stay whole. Nobody dies of a reader that went away: its
 * signal is caught here and nowhere else, since the command of `run` must find SIGPIPE as we were given it. */
static void write_line(const char *line, size_t size)
{
    const struct timespec now = {.tv_sec = 0};
    sigset_t pipe;
    sigset_t before;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    if (write(STDERR_FILENO, line, size) < 0 && errno == EPIPE)
        sigtimedwait(&pipe, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void console_say(const char *format, ...)
{
    alignas(max_align_t) uint8_t scratch[LINE_BYTES_MAX];
    char line[LINE_BYTES_MAX];
    char text[CONSOLE_TEXT_BYTES_MAX];
    struct arena arena;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);

    arena_init_with(&arena, scratch, sizeof scratch, sizeof scratch);
    struct slice harmless = text_escape(slice_from_text(text), &arena);
    int size = snprintf(line, sizeof line, "taskledger-emit: %.*s\n", SLICE_PRINT(harmless));
    write_line(line, (size_t)size);
    arena_close(&arena);
}

void console_complain(const char *command, const struct error *error)
{
    if (strcmp(error->reason, "usage") == 0 || strcmp(error->reason, "invalid") == 0)
        console_say("%s; see taskledger-emit %s --help", error->text, command);
    else
        console_say("%s", error->text);
}

void console_print(const char *before, struct slice text)
{
    struct arena arena;

    if (text.size == 0)
        return;
    arena_init(&arena, 0);
    struct slice harmless = text_escape(text, &arena);
    printf("%s%.*s", before, SLICE_PRINT(harmless));
    arena_close(&arena);
}
