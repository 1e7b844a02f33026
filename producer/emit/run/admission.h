/* admission: what a command must have before it may start, and keep while it runs: its task's claim, and a permit.
 *
 * Waiting for either outlasts a Redis that is away for a while, and ends when somebody wants an end. A claim is given
 * back at the end, but not before it was held for a lease, unless that is asked for: a host that comes a little later
 * would run again what was over so soon. It is then left to run out, so we must end by _exit(2). A permit is given back
 * with each attempt. */
#ifndef TASKLEDGER_PRODUCER_EMIT_RUN_ADMISSION_H
#define TASKLEDGER_PRODUCER_EMIT_RUN_ADMISSION_H

#include "producer/emit/configuration.h"
#include "producer/emit/run/account.h"
#include "producer/emit/run/child.h"
#include "producer/taskledger/lease.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { ADMISSION_NAME_BYTES_MAX = 101 };

enum admission_answer {
    ADMISSION_GRANTED, /* also when nothing was asked for */
    ADMISSION_HELD,    /* others have it: `error` tells who */
    ADMISSION_UNKNOWN, /* Redis is away: `error` tells why */
    ADMISSION_STOPPED, /* somebody wants an end (child.h) */
    ADMISSION_LOST,    /* the claim, while a permit was waited for */
};

struct admission {
    const struct configuration *configuration;
    struct child *child;
    struct taskledger_producer *claims; /* each kind has its own: one may be left behind when the other is closed */
    struct taskledger_producer *permits;
    struct taskledger_lease *claim; /* NULL: none */
    struct taskledger_lease *permit;
    char permit_name[ADMISSION_NAME_BYTES_MAX]; /* "": none is needed */
    uint32_t permit_limit;
    int slot;               /* of a permit by the local limit; negative: none */
    int64_t claimed_us;     /* on the monotonic clock */
    int64_t tell_queued_us; /* when to say that it takes longer; INT64_MAX: it has been said */
    bool told_away;
    bool told_permit_lost;
};

/* Both borrowed. Nothing is asked for yet. FATAL, "usage", "config". */
bool admission_init(struct admission *admission, const struct configuration *configuration, struct child *child,
                    struct error *error);

/* On GRANTED, `*attempt` becomes the claim's if there is one. */
enum admission_answer admission_claim(struct admission *admission, const char *task_id, uint32_t *attempt,
                                      struct error *error);

/* Says QUEUED when it takes longer. */
enum admission_answer admission_permit(struct admission *admission, const struct account *account, struct error *error);

/* When to look again whether all is still held, at the latest; INT64_MAX when nothing is. */
int64_t admission_look_us(const struct admission *admission);

/* Whether the claim is held, or none was needed. A permit that is lost is told once; the command goes on. */
bool admission_is_held(struct admission *admission);

/* The number of the next attempt, `attempt` being the present one; 0: the claim does not give any. */
uint32_t admission_next_attempt(struct admission *admission, uint32_t attempt);

/* An attempt has ended. */
void admission_return_permit(struct admission *admission);

/* True when the claim is left to run out. `did_run`: the command was started. */
bool admission_close(struct admission *admission, bool did_run);

#endif
