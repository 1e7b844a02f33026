#include "producer/emit/run/signals.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_BY_SIGNAL = 128 };

void signals_hold(sigset_t *held, sigset_t *before)
{
    /* Faults are our own. TTIN and TTOU stop us as they stop any process in the background. */
    static const int left_alone[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};

    sigfillset(held);
    for (size_t i = 0; i < sizeof left_alone / sizeof *left_alone; i++)
        sigdelset(held, left_alone[i]);
    pthread_sigmask(SIG_BLOCK, held, before);
}

/* ---- passed on --------------------------------------------------------------------------------------------------- */

/* What a terminal sends goes to its whole foreground process group. Only its hangup goes to the session's leader
 * alone. */
static bool reached_the_group(const struct signalfd_siginfo *info)
{
    if (info->ssi_code != SI_KERNEL)
        return false;
    switch (info->ssi_signo) {
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

void signals_pass_on(pid_t command, const struct signalfd_siginfo *info, bool is_early)
{
    bool own_doing = info->ssi_code <= 0 && info->ssi_pid == (uint32_t)command;
    int signal = (int)info->ssi_signo;

    if ((reached_the_group(info) && !is_early) || own_doing)
        return;
    if (info->ssi_code == SI_QUEUE)
        /* NOLINTNEXTLINE(performance-no-int-to-ptr): the value may be either, and this is how the kernel tells it */
        sigqueue(command, signal, (union sigval){.sival_ptr = (void *)(uintptr_t)info->ssi_ptr});
    else
        kill(command, signal);
}

/* ---- our own ----------------------------------------------------------------------------------------------------- */

void signals_stop_too(int signal)
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

bool signals_want_an_end(int signal)
{
    struct sigaction action;

    if (signal != SIGINT && signal != SIGQUIT && signal != SIGTERM && signal != SIGHUP)
        return false;
    return sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_IGN;
}

int signals_die_by(int signal)
{
    struct sigaction ordinary = {.sa_handler = SIG_DFL};
    sigset_t set;

    prctl(PR_SET_DUMPABLE, 0);
    sigaction(signal, &ordinary, NULL);
    sigemptyset(&set);
    sigaddset(&set, signal);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(signal);
    return EXIT_BY_SIGNAL + signal;
}

void signals_name(int signal, char name[SIGNALS_NAME_BYTES_MAX])
{
    const char *known = sigabbrev_np(signal);

    if (known != NULL)
        snprintf(name, SIGNALS_NAME_BYTES_MAX, "SIG%s", known);
    else
        snprintf(name, SIGNALS_NAME_BYTES_MAX, "signal %d", signal);
}
