/* environment: the only place where the library looks at the environment, and only when it is asked to, by
 * taskledger_options_from_environment(). What is not given there stays as it is. */
#ifndef TASKLEDGER_PRODUCER_ENVIRONMENT_H
#define TASKLEDGER_PRODUCER_ENVIRONMENT_H

#include "proto/options.h"

/* The variables, for deploy/CONFIGURATION.md. */
extern const struct options_table environment_table;

#endif
