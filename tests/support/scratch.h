/* scratch: an empty folder of a test's own. */
#ifndef TASKLEDGER_TESTS_SUPPORT_SCRATCH_H
#define TASKLEDGER_TESTS_SUPPORT_SCRATCH_H

#include <stddef.h>

/* Make one under /tmp. */
void scratch_make(char *path, size_t size);

/* With all that is in it; one that is gone already is fine. */
void scratch_remove(const char *path);

#endif
