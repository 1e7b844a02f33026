/* suspect_trials: the table `entry_trial`, before anything is applied; see suspects.h. */
#ifndef TASKLEDGER_CONSUMER_LEDGER_SUSPECT_TRIALS_H
#define TASKLEDGER_CONSUMER_LEDGER_SUSPECT_TRIALS_H

#include "consumer/batch.h"
#include "consumer/postgres/postgres.h"
#include "consumer/stream/keys.h"

#include <stdbool.h>

/* What is known of a suspect. */
struct suspect_trials {
    bool is_written; /* somebody tried it, alone or with others, and did not finish */
    int alone;       /* so often alone */
    bool may_live;   /* whoever tried it last */
};

/* `trials`, one for each of the entries, zeroed. What is a week old is forgotten. */
bool suspect_trials_look(struct postgres *postgres, const struct keys *keys, const struct batch *suspects,
                         struct suspect_trials *trials, struct error *error);

/* Before they are tried together; before one is tried alone, which is counted. Each is committed. */
bool suspect_trials_together(struct postgres *postgres, const struct keys *keys, const struct batch *suspects,
                             struct error *error);
bool suspect_trials_alone(struct postgres *postgres, const struct keys *keys, const struct entry *suspect,
                          struct error *error);

/* Whoever tried it alone and could not apply it, but lives: that trial does not count. */
bool suspect_trials_acquit(struct postgres *postgres, const struct keys *keys, const struct entry *suspect,
                           struct error *error);

#endif
