#include "producer/emit/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_BY_SIGNAL = 128 };

void child_init(struct child *child)
{
    /* Faults are our own. TTIN and TTOU stop us as they stop any process in the background. */
    static const int left_alone[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};
    struct sigaction ordinary = {.sa_handler = SIG_DFL};

    sigfillset(&child->awaited);
    for (size_t i = 0; i < sizeof left_alone / sizeof *left_alone; i++)
        sigdelset(&child->awaited, left_alone[i]);
    pthread_sigmask(SIG_BLOCK, &child->awaited, &child->inherited_mask);

    /* Where SIGCHLD is ignored the kernel throws away how children ended. */
    sigaction(SIGCHLD, &ordinary, &child->inherited_chld);
}

/* ---- start ------------------------------------------------------------------------------------------------------- */

/* In the new process. The pipe closes itself when the command has taken over, and carries errno when it has not. */
static _Noreturn void become(const struct child *child, char **words, int pipe_fd)
{
    sigaction(SIGCHLD, &child->inherited_chld, NULL);
    pthread_sigmask(SIG_SETMASK, &child->inherited_mask, NULL);
    execvp(words[0], words);

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

bool child_start(struct child *child, char **words, int *exec_errno, struct error *error)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return no_process(words[0], exec_errno, error);

    child->pid = fork();
    if (child->pid == 0)
        become(child, words, ends[1]);

    int why = errno;
    close(ends[1]);
    if (child->pid < 0) {
        close(ends[0]);
        errno = why;
        return no_process(words[0], exec_errno, error);
    }

    why = read_exec_errno(ends[0]);
    close(ends[0]);
    if (why == 0)
        return true;

    waitpid(child->pid, NULL, 0);
    *exec_errno = why;
    errno = why;
    return error_set_errno(error, ERROR_FATAL, "exec", "cannot run %s", words[0]);
}

/* ---- signals ----------------------------------------------------------------------------------------------------- */

/* What a terminal sends goes to its whole foreground process group. Only its hangup goes to the session's leader
 * alone. */
static bool reached_the_group(const siginfo_t *info)
{
    if (info->si_code != SI_KERNEL)
        return false;
    switch (info->si_signo) {
    case SIGINT:
    case SIGQUIT:
    case SIGTSTP:
    case SIGWINCH:
    case SIGCONT:
        return true;
    case SIGHUP:
        return getsid(0) != getpid();
    default:
        return false;
    }
}

static void pass_on(const struct child *child, const siginfo_t *info)
{
    bool own_doing = info->si_code <= 0 && info->si_pid == child->pid;

    if (reached_the_group(info) || own_doing)
        return;
    if (info->si_code == SI_QUEUE)
        sigqueue(child->pid, info->si_signo, info->si_value);
    else
        kill(child->pid, info->si_signo);
}

/* Job control stopped the command: so that the shell sees it, the same must stop us. Where no shell could continue us
 * (an orphaned process group) the kernel lets these signals pass without effect, unlike SIGSTOP. */
static void stop_too(int signal)
{
    const struct timespec now = {.tv_sec = 0};
    sigset_t set;
    sigset_t before;

    if (signal != SIGTSTP && signal != SIGTTIN && signal != SIGTTOU)
        return;
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigtimedwait(&set, NULL, &now); /* the terminal's own may still be waiting, and would stop us twice */
    pthread_sigmask(SIG_UNBLOCK, &set, &before);
    raise(signal);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- wait -------------------------------------------------------------------------------------------------------- */

/* One SIGCHLD may stand for many changes, and not all children need be ours. True when the command has ended. */
static bool take_changes(const struct child *child, struct child_end *end)
{
    struct child_end seen;
    pid_t pid;

    while ((pid = wait4(-1, &seen.status, WNOHANG | WUNTRACED, &seen.usage)) > 0) {
        if (pid != child->pid)
            continue;
        if (WIFSTOPPED(seen.status)) {
            stop_too(WSTOPSIG(seen.status));
            continue;
        }
        *end = seen;
        return true;
    }
    return false;
}

void child_wait(struct child *child, struct child_end *end)
{
    siginfo_t info;

    while (!take_changes(child, end)) {
        int signal = sigwaitinfo(&child->awaited, &info);

        if (signal > 0 && signal != SIGCHLD)
            pass_on(child, &info);
    }
}

static void die_by(int signal)
{
    struct sigaction ordinary = {.sa_handler = SIG_DFL};
    sigset_t set;

    prctl(PR_SET_DUMPABLE, 0);
    sigaction(signal, &ordinary, NULL);
    sigemptyset(&set);
    sigaddset(&set, signal);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(signal);
}

int child_exit_code(const struct child_end *end)
{
    if (WIFEXITED(end->status))
        return WEXITSTATUS(end->status);

    /* The first process of a container survives its own signals. */
    die_by(WTERMSIG(end->status));
    return EXIT_BY_SIGNAL + WTERMSIG(end->status);
}
