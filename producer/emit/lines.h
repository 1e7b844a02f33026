/* lines: emit what standard input says, one JSON object a line (line.h).
 *
 * Takes any number of lines in bounded memory, as fast as Redis takes them. Bad lines are told with their number and
 * passed over. SIGINT, SIGTERM and SIGHUP end the reading; what was accepted is still delivered, within 2 s. */
#ifndef TASKLEDGER_PRODUCER_EMIT_LINES_H
#define TASKLEDGER_PRODUCER_EMIT_LINES_H

#include "producer/emit/configuration.h"

/* Takes no words. Returns the exit code; a summary is said at the end. */
int lines_execute(const struct configuration *configuration, int count, char **words);

#endif
