/* gate: threads of ours that are inside foreign code, and the moments when none may be.
 *
 *   a fork    The child gets a copy of all locks as they are. One that a thread holds inside the TLS library or the
 *             resolver stays held there: the child's own connection would wait for it for ever. So a fork waits until all
 *             are outside, for GATE_FORK_WAIT_MS at most; whoever wants in meanwhile waits outside. A lookup that takes
 *             longer than that waits for the network, and holds no lock then.
 *   the end   See gate_close.
 *
 * There is nothing in it that a fork could copy but counters, which the child sets to 0. Threads that enter the same code
 * without us do not know the gate. */
#ifndef TASKLEDGER_PROTO_GATE_H
#define TASKLEDGER_PROTO_GATE_H

enum gate { GATE_TLS, GATE_LOOKUP };

enum { GATE_FORK_WAIT_MS = 100 };

/* Once for each: not while inside. */
void gate_enter(enum gate gate);
void gate_leave(enum gate gate);

/* For ever: wait until all are outside, for `wait_ms` at most. Whoever wants in later sleeps until the process ends. */
void gate_close(enum gate gate, int wait_ms);

#endif
