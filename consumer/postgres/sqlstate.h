/* sqlstate: what PostgreSQL's error codes mean to us.
 *
 * One table decides it: first the whole code, then its class (the first two characters).
 *
 *   TRANSIENT  it may pass: lines, locks, deadlocks, restarts, full disks; also what says "bug in the server" (XX000), and
 *              23514, which is a missing partition or a check of ours but never the event's fault
 *   REJECTED   the data: classes 22, 23 and 54, and what a trigger somebody added raises (class P0). Whether the fault is
 *              really the event's is for the sink to find out before it condemns one
 *   FATAL      the schema, rights, authentication, the database, corruption; and codes that are not in the table, since
 *              nobody has thought about them */
#ifndef TASKLEDGER_CONSUMER_POSTGRES_SQLSTATE_H
#define TASKLEDGER_CONSUMER_POSTGRES_SQLSTATE_H

#include "proto/error.h"

enum { SQLSTATE_LENGTH = 5 };

/* Reasons that somebody acts upon; all others are only counted and shown. */
extern const char sqlstate_duplicate_key[];  /* 23505: a row with this key is there */
extern const char sqlstate_late[];           /* P0L01: our own: its producer was pruned */
extern const char sqlstate_read_only[];      /* 25006: of several servers another may be the one to write to by now */
extern const char sqlstate_statement_lost[]; /* a prepared statement is gone, or there when it should not be */

struct sqlstate_meaning {
    enum error_kind kind;
    const char *reason; /* static storage */
};

/* `sqlstate` has five characters. */
struct sqlstate_meaning sqlstate_meaning(const char *sqlstate);

#endif
