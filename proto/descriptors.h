/* descriptors: nothing of ours is standard input, output or error, whatever the process was started with. */
#ifndef TASKLEDGER_PROTO_DESCRIPTORS_H
#define TASKLEDGER_PROTO_DESCRIPTORS_H

/* Of a program's main, before it opens anything: one of the three that is closed would be given to the next file or
 * socket, and what is meant for people would be sent there. It becomes /dev/null; a program that is executed later
 * finds it closed again. */
void descriptors_fill_standard(void);

/* In a library, whose host may have closed one of the three and write to it all the same, or open it again later: the
 * descriptor, or another in its place that is none of them. -1, with errno, where there is none to be had; -1 stays -1.
 * It is closed in programs that are executed. */
int descriptors_lift(int descriptor);

#endif
