/* coverage: one partition's events, as their chains, seals and an export have them.
 *
 * One scan of a range of producers in one snapshot tells whether each seal holds in it, whether one of them covers all
 * that is there, and whether the export does; and it notes the unbroken runs of numbers as boundaries, if somebody
 * writes. */
#ifndef TASKLEDGER_REPLAY_RETENTION_COVERAGE_H
#define TASKLEDGER_REPLAY_RETENTION_COVERAGE_H

#include "consumer/ledger/columns.h"
#include "consumer/postgres/postgres.h"
#include "proto/digester.h"
#include "proto/error.h"
#include "replay/console.h"
#include "replay/ledger.h"
#include "replay/retention/exported.h"
#include "replay/seal/proof.h"
#include "replay/seal/seal_file.h"
#include "replay/seal/seal_scan.h"
#include "replay/seal/segments.h"

#include <stdbool.h>
#include <stdint.h>

enum { COVERAGE_SEALS_MAX = 32 };

struct coverage_seal {
    const char *path; /* borrowed */
    struct seal_file file;
    struct digester *digester;
    struct proof proof;
    uint64_t diverged; /* findings in the present range */
};

/* Zeroed but for `seals` paths, `exported` and progress, before coverage_run. */
struct coverage {
    struct coverage_seal seals[COVERAGE_SEALS_MAX];
    size_t seal_count;
    struct exported *exported; /* borrowed; NULL: none was given */
    struct console_progress *progress;

    /* Results, of the last range. */
    uint64_t numbers;     /* that are held */
    bool is_sealed;       /* all of them, by one seal */
    bool is_exported;     /* all events */
    const char *diverged; /* the first seal that does not hold; NULL: all do */

    /* The rest is its own. */
    const struct seal_scan_range *range;
    struct segments segments;
    struct digester *digester;
    struct columns boundaries;
    struct postgres *writer;
    bool failed;
    struct error why;
};

/* FATAL, "memory". */
bool coverage_open(struct coverage *coverage, struct error *error);

/* Look at this range. `writer`: in whose open transaction boundaries are written; NULL: nobody's. */
bool coverage_run(struct coverage *coverage, struct ledger *ledger, const struct seal_scan_range *range,
                  struct postgres *writer, struct error *error);

void coverage_close(struct coverage *coverage);

#endif
