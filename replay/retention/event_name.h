/* event_name: an event as a user names it: "<producer uuid>#<number>". */
#ifndef TASKLEDGER_REPLAY_RETENTION_EVENT_NAME_H
#define TASKLEDGER_REPLAY_RETENTION_EVENT_NAME_H

#include "proto/error.h"
#include "proto/uuid.h"

#include <stdbool.h>
#include <stdint.h>

struct event_name {
    struct uuid producer_id;
    uint64_t sequence;
};

/* FATAL, "usage". */
bool event_name_parse(const char *word, struct event_name *name, struct error *error);

#endif
