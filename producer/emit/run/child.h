/* child: a command that runs as if we were not in between.
 *
 * It has our environment but for what tells its task, and file descriptors, process group, terminal, signal
 * dispositions and signal mask as we were given them. Signals are passed on (signals.h). When the command is stopped by
 * job control (Ctrl-Z), so are we; when we are continued, so is it. SIGKILL cannot be passed on: the command survives
 * us.
 *
 * As the first process of a container we also reap what others left behind. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_CHILD_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_CHILD_H

#include "proto/error.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct child {
    pid_t pid;          /* 0: there is none */
    int wanted_end;     /* the signal by which somebody wanted an end, of this child or of a pause; 0: nobody */
    int signals_fd;     /* what is held back comes from here */
    sigset_t inherited; /* mask */
    sigset_t early;     /* came before there was a command, and are not yet read */
    struct sigaction inherited_chld;
};

struct child_end {
    int status; /* as wait(2) has it */
    struct rusage usage;
};

/* What ends a wait beside the command's end. */
struct child_until {
    int64_t deadline_us; /* INT64_MAX: none */
    int fd;              /* is readable; negative: none */
};

/* From here on signals wait until they are read here. FATAL, "signal". */
bool child_init(struct child *child, struct error *error);

/* Start `words[0]`, looked for in PATH, NULL behind the last word. False when it cannot be: `*exec_errno` is then why,
 * or 0 when there could be no process at all. FATAL, "exec". */
bool child_start(struct child *child, char **words, char **environment, int *exec_errno, struct error *error);

/* True when the command has ended, false when there is something else to look at. */
bool child_wait(struct child *child, const struct child_until *until, struct child_end *end);

/* The same while there is no command: true when somebody wants an end (`wanted_end`), also if that was before. */
bool child_pause(struct child *child, const struct child_until *until);

/* Exit as it did: returns its exit code, or dies by the signal that killed it, without a second core dump. */
int child_exit_code(const struct child_end *end);

#endif
