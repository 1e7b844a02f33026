/* directory: the folder in which the spools of a host lie, one beside the other. */
#ifndef TASKLEDGER_PRODUCER_SPOOL_DIRECTORY_H
#define TASKLEDGER_PRODUCER_SPOOL_DIRECTORY_H

#include "proto/error.h"

#include <stdbool.h>

/* Make it where it is missing, and those above it, for this user only. Returns its name from the root, so that it is
 * found when the process has gone elsewhere; to be freed. NULL: TRANSIENT, "disk"; FATAL, "config". */
char *directory_make(const char *path, struct error *error);

/* A descriptor; -1, with errno. */
int directory_open(const char *path);

/* Its entries are on the disk. False, with errno. */
bool directory_sync(const char *path);

#endif
