/* reference: parts of deploy/CONFIGURATION.md and deploy/METRICS.md that no command of this program has. As flags of it
 * are executed: the value is not there, and the exit code is returned. */
#ifndef TASKLEDGER_PRODUCER_EMIT_REFERENCE_H
#define TASKLEDGER_PRODUCER_EMIT_REFERENCE_H

/* The variables of the library, which no program is but which is in this one. */
int reference_print_library(const char *unused);

/* What stats and permits tell Prometheus. */
int reference_print_metrics(const char *unused);

#endif
