#include "replay/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t pager;    /* 0: there is none */
static int terminal_descriptor; /* what standard output was */

/* Small systems have no less. */
static const char default_command[] = "if command -v less >/dev/null; then exec less; else exec cat; fi";

/* A pager that is not there has not read anything yet: the shell says so, and the answer is shown all the same. */
static const char or_cat[] = "\ncode=$?; [ $code -eq 127 ] && exec cat; exit $code";

/* As git has it: less ends by itself when all fits on the screen, passes colours on, and clears nothing. */
static void show(const char *command, int input)
{
    size_t size = strlen(command) + sizeof or_cat;
    char *script = malloc(size);

    if (script == NULL || dup2(input, STDIN_FILENO) < 0)
        _exit(EXIT_FAILURE);
    snprintf(script, size, "%s%s", command, or_cat);
    setenv("LESS", "FRX", 0); /* NOLINT(concurrency-mt-unsafe): one thread */
    setenv("LV", "-c", 0);    /* NOLINT(concurrency-mt-unsafe): one thread */
    signal(SIGPIPE, SIG_DFL);
    execl("/bin/sh", "sh", "-c", script, (char *)NULL);
    _exit(EXIT_FAILURE);
}

static bool lead_into(int output)
{
    terminal_descriptor = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (terminal_descriptor >= 0 && dup2(output, STDOUT_FILENO) >= 0)
        return true;
    if (terminal_descriptor >= 0)
        close(terminal_descriptor);
    return false;
}

void pager_start(const char *command)
{
    int ends[2];

    fflush(stdout);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    pid_t child = fork();
    if (child == 0)
        show(command == NULL ? default_command : command, ends[0]);
    close(ends[0]);
    if (child > 0 && lead_into(ends[1]))
        pager = child;
    close(ends[1]);
}

static void wait_for_end(void)
{
    while (waitpid(pager, NULL, 0) < 0 && errno == EINTR) {
    }
    pager = 0;
}

/* The answer is given: ^C is now for the pager alone, and the exit code stays. */
void pager_wait(void)
{
    struct sigaction ignoring = {.sa_handler = SIG_IGN};

    if (pager == 0)
        return;
    sigaction(SIGINT, &ignoring, NULL);
    fflush(stdout);
    dup2(terminal_descriptor, STDOUT_FILENO);
    close(terminal_descriptor);
    wait_for_end();
}

void pager_interrupted(void)
{
    if (pager == 0)
        return;
    close(STDOUT_FILENO);
    wait_for_end();
}
