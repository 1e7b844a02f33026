#include "producer/emit/run/child.h"

#include "producer/emit/run/signals.h"
#include "proto/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

bool child_init(struct child *child, struct error *error)
{
    struct sigaction ordinary = {.sa_handler = SIG_DFL};
    sigset_t held;

    *child = (struct child){.pid = 0};
    sigemptyset(&child->early);
    signals_hold(&held, &child->inherited);

    /* Where SIGCHLD is ignored the kernel throws away how children ended. */
    sigaction(SIGCHLD, &ordinary, &child->inherited_chld);
    child->signals_fd = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
    if (child->signals_fd < 0)
        return error_set_errno(error, ERROR_FATAL, "signal", "could not watch for signals");
    return true;
}

/* ---- start ------------------------------------------------------------------------------------------------------- */

/* In the new process. The pipe closes itself when the command has taken over, and carries errno when it has not. */
static _Noreturn void become(const struct child *child, char **words, char **environment, int pipe_fd)
{
    sigaction(SIGCHLD, &child->inherited_chld, NULL);
    pthread_sigmask(SIG_SETMASK, &child->inherited, NULL);
    execvpe(words[0], words, environment);

    int why = errno;
    _exit(write(pipe_fd, &why, sizeof why) == (ssize_t)sizeof why ? 0 : 1);
}

/* 0 when the command has taken over. */
static int read_exec_errno(int pipe_fd)
{
    int why = 0;
    ssize_t got;

    do
        got = read(pipe_fd, &why, sizeof why);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof why ? why : 0;
}

static bool no_process(const char *command, int *exec_errno, struct error *error)
{
    *exec_errno = 0;
    return error_set_errno(error, ERROR_FATAL, "exec", "could not start %s", command);
}

bool child_start(struct child *child, char **words, char **environment, int *exec_errno, struct error *error)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return no_process(words[0], exec_errno, error);

    pid_t pid = fork();
    if (pid == 0)
        become(child, words, environment, ends[1]);

    int why = errno;
    sigpending(&child->early); /* behind the fork: what comes right then reaches the command twice rather than never */
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        errno = why;
        return no_process(words[0], exec_errno, error);
    }

    why = read_exec_errno(ends[0]);
    close(ends[0]);
    if (why == 0) {
        child->pid = pid;
        return true;
    }

    waitpid(pid, NULL, 0);
    *exec_errno = why;
    errno = why;
    return error_set_errno(error, ERROR_FATAL, "exec", "cannot run %s", words[0]);
}

/* ---- wait -------------------------------------------------------------------------------------------------------- */

/* One SIGCHLD may stand for many changes, and not all children need be ours. True when the command has ended. */
static bool take_changes(struct child *child, struct child_end *end)
{
    struct child_end seen;
    pid_t pid;

    while ((pid = wait4(-1, &seen.status, WNOHANG | WUNTRACED, &seen.usage)) > 0) {
        if (pid != child->pid)
            continue;
        if (WIFSTOPPED(seen.status)) {
            signals_stop_too(WSTOPSIG(seen.status));
            continue;
        }
        *end = seen;
        child->pid = 0;
        return true;
    }
    return false;
}

/* What the terminal sent before there was a command has reached nobody but us. */
static void pass_on(struct child *child, const struct signalfd_siginfo *info)
{
    int signal = (int)info->ssi_signo;
    bool is_early = sigismember(&child->early, signal) == 1;

    sigdelset(&child->early, signal);
    signals_pass_on(child->pid, info, is_early);
}

static void handle(struct child *child, const struct signalfd_siginfo *info)
{
    int signal = (int)info->ssi_signo;
    bool of_command = child->pid != 0 && info->ssi_code <= 0 && info->ssi_pid == (uint32_t)child->pid;

    if (signal == SIGCHLD)
        return;
    if (signals_want_an_end(signal) && !of_command)
        child->wanted_end = signal;
    if (child->pid != 0)
        pass_on(child, info);
    else
        signals_stop_too(signal);
}

/* Until there is a signal, which is handled; false when it was something else that ended the wait. */
static bool wait_for_signal(struct child *child, const struct child_until *until)
{
    struct pollfd polled[] = {{.fd = child->signals_fd, .events = POLLIN}, {.fd = until->fd, .events = POLLIN}};
    struct signalfd_siginfo info;

    if (poll(polled, 2, clock_left_ms(clock_system(), until->deadline_us)) < 0)
        return errno == EINTR;
    if (polled[0].revents == 0)
        return false;
    if (read(child->signals_fd, &info, sizeof info) == (ssize_t)sizeof info)
        handle(child, &info);
    return true;
}

bool child_wait(struct child *child, const struct child_until *until, struct child_end *end)
{
    do {
        if (take_changes(child, end))
            return true;
    } while (wait_for_signal(child, until));
    return false;
}

bool child_pause(struct child *child, const struct child_until *until)
{
    struct child_end nobody;

    while (child->wanted_end == 0) {
        take_changes(child, &nobody);
        if (!wait_for_signal(child, until))
            break;
    }
    return child->wanted_end != 0;
}

int child_exit_code(const struct child_end *end)
{
    return WIFEXITED(end->status) ? WEXITSTATUS(end->status) : signals_die_by(WTERMSIG(end->status));
}
