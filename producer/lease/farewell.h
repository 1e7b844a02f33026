/* farewell: what is held when the process exits is given back.
 *
 * That is what exit(3) does, and a return from main; a process that is killed, or calls _exit, lets it run out. Desks of
 * other processes, that a child has a copy of, are left alone. */
#ifndef TASKLEDGER_PRODUCER_LEASE_FAREWELL_H
#define TASKLEDGER_PRODUCER_LEASE_FAREWELL_H

#include "producer/lease/desk.h"

enum {
    FAREWELL_DESKS_MAX = 64, /* of one process; what is held at others runs out */
    FAREWELL_MS = 200,       /* for all of them */
};

/* From now on this desk is closed at exit. Holds it. */
void farewell_add(struct desk *desk);

/* It is closed already. */
void farewell_remove(struct desk *desk);

#endif
