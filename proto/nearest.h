/* nearest: which of the words there are was probably meant by one that is not there.
 *
 * Begin with what was given, offer every word there is, and refuse what was given. Leading hyphens do not count. */
#ifndef TASKLEDGER_PROTO_NEAREST_H
#define TASKLEDGER_PROTO_NEAREST_H

#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>

struct nearest {
    struct slice given; /* borrowed */
    const char *word;   /* the nearest of those offered, borrowed; NULL when more than a third is wrong with each */
    size_t unlike;      /* how unlike it is; others must be less */
};

void nearest_init(struct nearest *nearest, struct slice given);
void nearest_offer(struct nearest *nearest, const char *word);

/* "there is no <kind> <given>; the nearest is <word>" and `advice` behind it; the given cut at 64 bytes, and where a
 * value begins, which may be a secret. FATAL, "usage"; returns false. */
bool nearest_refuse(const struct nearest *nearest, const char *kind, const char *advice, struct error *error);

#endif
