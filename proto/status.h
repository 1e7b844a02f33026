/* status: what a task can be doing, and which of two things comes later in a task's life. */
#ifndef TASKLEDGER_PROTO_STATUS_H
#define TASKLEDGER_PROTO_STATUS_H

#include "proto/slice.h"

enum status {
    STATUS_UNSPECIFIED,
    STATUS_PENDING,
    STATUS_QUEUED,
    STATUS_RUNNING,
    STATUS_RETRY,
    STATUS_SUCCESS,
    STATUS_PARTIAL_FAILURE,
    STATUS_FAILURE,
    STATUS_CANCELLED,
};

enum { STATUS_COUNT = STATUS_CANCELLED + 1 };

/* Within one attempt a later phase outranks an earlier one, whatever the clocks say. */
enum phase { PHASE_WAITING, PHASE_ACTIVE, PHASE_FINAL };

/* "PENDING" ... "CANCELLED"; "UNSPECIFIED" for anything else. */
const char *status_name(enum status status);

/* Any case, with or without the prefix "STATUS_"; STATUS_UNSPECIFIED when there is no such status. */
enum status status_parse(struct slice name);

enum phase status_phase(enum status status);

#endif
