/* verify_aside: is a row of what was set aside what it says?
 *
 * A row that was set aside under a number stands in for an event, so what it says of itself is checked, resolved or
 * not: the bytes kept are as many as it says, whole ones have the digest that it tells, and only whole ones can tell
 * whose event they are. */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_ASIDE_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_ASIDE_H

#include "proto/error.h"
#include "replay/verify/verify_report.h"

#include <stdbool.h>
#include <stdint.h>

struct verify_aside {
    const struct finding *finding; /* where it is; its kind is not looked at */
    bool is_malformed;             /* no entry of ours: its digest is of more than its bytes */
    struct slice payload;
    uint64_t payload_bytes;
    struct slice digest;
};

/* Fails only FATAL. */
bool verify_aside_check(const struct verify_aside *aside, struct verify_report *report, struct error *error);

#endif
