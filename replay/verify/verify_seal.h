/* verify_seal: the ledger against a seal that was kept elsewhere.
 *
 * It hears the numbers that verify_chains follows, so both are of one snapshot and one scan. */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_SEAL_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_SEAL_H

#include "proto/error.h"
#include "replay/output/output.h"
#include "replay/verify/chain.h"
#include "replay/verify/verify.h"

#include <stdbool.h>

/* The seal that the settings name, checked as far as it can be without a ledger. *seal is NULL when they name none.
 * `verify` is borrowed. FATAL: "seal", "key", "usage". */
bool verify_seal_open(struct verify *verify, struct verify_seal **seal, struct error *error);

/* Who must hear every number. */
struct chain_listener verify_seal_listener(struct verify_seal *seal);

/* All numbers were heard: the rest of the findings, and what is covered. NULL: what cannot be proven without. */
bool verify_seal_judge(struct verify *verify, struct error *error);

/* What was sealed, and what of it is there. */
void verify_seal_write(const struct verify_seal *seal, struct output *output);

/* NULL is fine. */
void verify_seal_free(struct verify_seal *seal);

#endif
