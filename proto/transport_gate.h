/* transport_gate: around whatever we do in the TLS library; see proto/gate.h.
 *
 * A process that ends by exit(3) has the library free its memory while other threads still run; one that is inside
 * crashes what was a good end. So the library's own farewell closes the gate first, and waits
 * TRANSPORT_GATE_END_WAIT_MS at most. Inside means computing: nobody is inside while waiting for the network. What
 * takes so long is a machine on which hardly anything gets its turn, or a certificate on a disk that hangs. */
#ifndef TASKLEDGER_PROTO_TRANSPORT_GATE_H
#define TASKLEDGER_PROTO_TRANSPORT_GATE_H

#include <stdbool.h>

enum { TRANSPORT_GATE_END_WAIT_MS = 5000 };

/* Before the first of this process goes in, and in the thread of whoever makes use of us: one of ours may come to it
 * when the process is ending. Then the gate stays closed. As often as one likes. False: memory is short. */
bool transport_gate_watch(void);

void transport_gate_enter(void);
void transport_gate_leave(void);

#endif
