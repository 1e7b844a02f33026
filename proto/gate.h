/* gate: threads of ours that are inside foreign code, or hold what must not pass on, and the moments when none may.
 *
 *   a fork    The child gets a copy of all locks as they are. One that a thread holds inside the TLS library or the
 *             resolver stays held there: the child's own connection would wait for it for ever. So a fork waits until all
 *             are outside, and whoever wants in meanwhile waits outside. The host must not be disturbed for long: those
 *             who have been inside for longer than its patience (below) are not waited for. In TLS they compute, so the
 *             patience is hardly ever needed; a lookup holds locks at its beginning, while it finds out whom to ask, and
 *             none while it waits for a name server, however dead that is.
 *   a storm   Of forks from many threads, one is always under way. So a fork lets those go first who wait outside, for
 *             GATE_TURN_MS at most, and they wait for GATE_ENTER_WAIT_MS at most: then they go in, and it is a child that
 *             may find a lock held.
 *   the end   See gate_close.
 *
 * The third gate is for whoever takes the lock of a file: it is his by the open file, which a child would inherit,
 * until the child can be told to close it.
 *
 * There is nothing in it that a child could inherit but numbers, and those of its ancestors do not count, however it
 * was made: see proto/generation.h. Threads that enter the same code without us do not know the gate. */
#ifndef TASKLEDGER_PROTO_GATE_H
#define TASKLEDGER_PROTO_GATE_H

enum gate { GATE_TLS, GATE_LOOKUP, GATE_SPOOL };

enum {
    GATE_TLS_PATIENCE_MS = 100,
    GATE_LOOKUP_PATIENCE_MS = 20,
    GATE_SPOOL_PATIENCE_MS = 20,
    GATE_TURN_MS = 20,
    GATE_FORK_WAIT_MS = 100, /* all that a fork waits, at most */
    GATE_ENTER_WAIT_MS = 250,
};

/* Once for each: not while inside. */
void gate_enter(enum gate gate);
void gate_leave(enum gate gate);

/* For ever: wait until all are outside, for `wait_ms` at most. Whoever wants in later sleeps until the process ends. */
void gate_close(enum gate gate, int wait_ms);

#endif
