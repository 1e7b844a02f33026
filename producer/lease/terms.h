/* terms: what a claim or a permit is asked for, checked, with the defaults filled in, in memory of our own.
 *
 * Never changed after they were made. */
#ifndef TASKLEDGER_PRODUCER_LEASE_TERMS_H
#define TASKLEDGER_PRODUCER_LEASE_TERMS_H

#include "producer/taskledger/lease.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TERMS_NAME_BYTES_MAX = 255,
    TERMS_PERMIT_BYTES_MAX = 100,
    TERMS_HOLDER_BYTES_MAX = 255,
    TERMS_LIMIT_MAX = 10000,
};

struct terms {
    bool is_permit;
    char name[TERMS_NAME_BYTES_MAX + 1]; /* of the task, or of the permit */
    char holder[TERMS_HOLDER_BYTES_MAX + 1];
    unsigned limit;
    unsigned local_limit;
    int lease_ms;
    int wait_ms;
    int timeout_ms;
};

/* `worker` holds when nobody is named. REJECTED, "invalid"; NULL for a request is one. */
bool terms_of_claim(const struct taskledger_claim_request *request, const char *worker, struct terms *terms,
                    struct error *error);
bool terms_of_permit(const struct taskledger_permit_request *request, const char *worker, struct terms *terms,
                     struct error *error);

#endif
