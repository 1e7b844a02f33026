#include "producer/emit/console.h"

#include "proto/utf8.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How many bytes at `at` could steer a terminal: C0 controls and DEL are one byte, C1 controls (U+0080 to U+009F) two. */
static size_t steering_bytes(const unsigned char *at)
{
    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    return at[0] == 0xc2 && at[1] < 0xa0 ? 2 : 0;
}

static void make_printable(char *text)
{
    struct slice rest = slice_from_text(text);

    for (size_t sound = utf8_check(rest); sound < rest.size; sound = utf8_check(rest)) {
        text[strlen(text) - rest.size + sound] = '?';
        rest = slice_of(rest.data + sound, rest.size - sound);
    }
    for (; *text != '\0'; text++)
        memset(text, '?', steering_bytes((const unsigned char *)text));
}

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
    char line[CONSOLE_LINE_BYTES_MAX] = "taskledger-emit: ";
    size_t used = strlen(line);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    va_end(arguments);

    make_printable(line);
    used = strlen(line);
    line[used] = '\n';
    write_line(line, used + 1);
}
