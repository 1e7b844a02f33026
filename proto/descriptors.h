/* descriptors: standard input, output and error are open, whatever the process was started with. */
#ifndef TASKLEDGER_PROTO_DESCRIPTORS_H
#define TASKLEDGER_PROTO_DESCRIPTORS_H

/* Of a program's main, before it opens anything: one of the three that is closed would be given to the next file or
 * socket, and what is meant for people would be sent there. It becomes /dev/null; a program that is executed later finds
 * it closed again. */
void descriptors_fill_standard(void);

#endif
