/* process: what /proc/PID/stat tells of one process.
 *
 * Times are ticks of the kernel (sysconf(_SC_CLK_TCK)) and contain those of its children that it has waited for; memory
 * is pages. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_PROCESS_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_PROCESS_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
    pid_t pid;
    pid_t parent;
    char state;       /* of the first thread: 'R', 'S', ... 'Z' */
    uint64_t threads; /* with the first, also when that has ended */
    uint64_t started; /* ticks since the machine started: with the pid, who it is */
    uint64_t user_ticks;
    uint64_t system_ticks;
    uint64_t resident_pages;
};

/* The text of a stat file; false when it is none. */
bool process_parse(struct slice text, struct process *process);

/* False when there is no such process; `proc_fd` is the folder /proc. */
bool process_read(int proc_fd, pid_t pid, struct process *process);

/* Dead, and only its parent has not asked yet how it ended. One whose first thread has ended looks like that, too, and
 * lives on by the others. */
bool process_is_dead(const struct process *process);

#endif
