/* transport_gate: whoever uses the TLS library is inside; when the library goes, nobody may be.
 *
 * A process that ends by exit(3) has the library free its memory while other threads still run: a thread inside of it
 * then crashes what was a good end. So the library's own farewell closes the gate first: it waits until all are outside,
 * for GATE_WAIT_MS at most, and whoever wants in later sleeps for the little that is left of the process.
 *
 * One gate a process. Inside means computing: nobody is inside while waiting for the network. */
#ifndef TASKLEDGER_PROTO_TRANSPORT_GATE_H
#define TASKLEDGER_PROTO_TRANSPORT_GATE_H

enum { TRANSPORT_GATE_WAIT_MS = 500 };

void transport_gate_enter(void);
void transport_gate_leave(void);

/* In a forked child: those who were inside do not exist here. Async-signal-safe. */
void transport_gate_reset(void);

#endif
