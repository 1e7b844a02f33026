/* signals: what is done with those that we get while a command runs, or is about to.
 *
 * Signals that only we get are passed on; those that the terminal sends (Ctrl-C) reach the whole process group anyway
 * and are not. A program that signals the whole group itself, or systemd with KillMode=control-group, makes the command
 * see the signal twice. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_SIGNALS_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <sys/types.h>

enum { SIGNALS_NAME_BYTES_MAX = 32 };

/* What waits from here on until it is read: all that can be passed on, and SIGCHLD. `*before` is the mask there was. */
void signals_hold(sigset_t *held, sigset_t *before);

/* To the command, unless it has got it already or it was its own doing. What came early came before the command was there:
 * it has not got it. */
void signals_pass_on(pid_t command, const struct signalfd_siginfo *info, bool is_early);

/* Job control stopped the command, or would stop us: so that the shell sees it, the same must stop us. Where no shell
 * could continue us (an orphaned process group) the kernel lets these signals pass without effect, unlike SIGSTOP.
 * Nothing happens for any other signal. */
void signals_stop_too(int signal);

/* Somebody wants whatever runs to end: SIGINT, SIGQUIT, SIGTERM or SIGHUP; not where it is ignored: under nohup SIGHUP
 * is none. */
bool signals_want_an_end(int signal);

/* Die by it, without a second core dump. Returns what to exit with where that is not possible: the first process of a
 * container survives its own signals. */
int signals_die_by(int signal);

/* SIGKILL; real-time signals have numbers only. */
void signals_name(int signal, char name[SIGNALS_NAME_BYTES_MAX]);

#endif
