/* transport_gate: around whatever we do in the TLS library; see proto/gate.h.
 *
 * A process that ends by exit(3) has the library free its memory while other threads still run; one that is inside
 * crashes what was a good end. So the library's own farewell closes the gate first, and waits TRANSPORT_GATE_END_WAIT_MS
 * at most. Inside means computing: nobody is inside while waiting for the network. */
#ifndef TASKLEDGER_PROTO_TRANSPORT_GATE_H
#define TASKLEDGER_PROTO_TRANSPORT_GATE_H

enum { TRANSPORT_GATE_END_WAIT_MS = 500 };

void transport_gate_enter(void);
void transport_gate_leave(void);

#endif
