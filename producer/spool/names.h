/* names: what lies in a folder, in order, in bounded memory, however much it is.
 *
 * All names there are padded to one width, so the order of their bytes is that of what they count. */
#ifndef TASKLEDGER_PRODUCER_SPOOL_NAMES_H
#define TASKLEDGER_PRODUCER_SPOOL_NAMES_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { NAMES_MAX = 128, NAMES_BYTES = 48 /* of each, with the NUL; longer ones are never wanted */ };

/* Also how far one has come: zeroed at the beginning. */
struct names {
    size_t count;
    char texts[NAMES_MAX][NAMES_BYTES];
};

/* The first NAMES_MAX that are wanted and come behind those that `names` holds, which are replaced. When it is full
 * there may be more. `folder` is a descriptor, and is left as it is. TRANSIENT, "disk". */
bool names_next(int folder, bool (*wanted)(const char *name), struct names *names, struct error *error);

#endif
