/* child: a command that runs as if we were not in between.
 *
 * It has our environment, file descriptors, process group, terminal, signal dispositions and signal mask as we were
 * given them.
 *
 * Signals that only we get are passed on; those that the terminal sends (Ctrl-C) reach the whole process group anyway
 * and are not. A program that signals the whole group itself, or systemd with KillMode=control-group, makes the command
 * see the signal twice. When the command is stopped by job control (Ctrl-Z), so are we; when we are continued, so is
 * it. SIGKILL cannot be passed on: the command survives us.
 *
 * As the first process of a container we also reap what others left behind. */
#ifndef TASKLEDGER_PRODUCER_EMIT_CHILD_H
#define TASKLEDGER_PRODUCER_EMIT_CHILD_H

#include "proto/error.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    sigset_t inherited_mask;
    struct sigaction inherited_chld;
    sigset_t awaited; /* what is passed on, and SIGCHLD */
};

struct child_end {
    int status; /* as wait(2) has it */
    struct rusage usage;
};

/* From here on signals wait until child_wait takes them. */
void child_init(struct child *child);

/* Start `words[0]`, looked for in PATH, NULL behind the last word. False when it cannot be: `*exec_errno` is then why,
 * or 0 when there could be no process at all. FATAL, "exec". */
bool child_start(struct child *child, char **words, int *exec_errno, struct error *error);

/* Until it has ended. */
void child_wait(struct child *child, struct child_end *end);

/* Exit as it did: returns its exit code, or dies by the signal that killed it, without a second core dump. */
int child_exit_code(const struct child_end *end);

#endif
