/* verify_report: what an audit found, counted by kind, and the first of each kind kept to be shown. */
#ifndef TASKLEDGER_REPLAY_VERIFY_VERIFY_REPORT_H
#define TASKLEDGER_REPLAY_VERIFY_VERIFY_REPORT_H

#include "proto/arena.h"
#include "proto/slice.h"
#include "proto/uuid.h"
#include "replay/output/output.h"
#include "replay/verify/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VERIFY_REPORT_DETAIL_BYTES = 1024, VERIFY_REPORT_BYTES_MAX = 32 * 1024 * 1024 };

/* What is known of a finding; what is not given is left out. Borrowed for the call that adds it. */
struct finding {
    enum verdict_kind kind;
    bool has_producer;
    struct uuid producer_id;
    uint64_t first; /* 0: none */
    uint64_t last;
    struct slice task_id;
    struct slice column;
    struct slice stream;
    struct slice stream_id;
    struct slice detail;
};

enum verify_state { VERIFY_CHECKED, VERIFY_PARTLY, VERIFY_NOT_ASKED, VERIFY_UNREACHABLE };

/* One check, as the coverage lists it. */
struct verify_coverage {
    const char *check;
    enum verify_state state;
    const char *asked; /* which part of them: "1/7"; NULL: all. Storage as that of the detail */
    uint64_t items;
    const char *detail; /* of what; static storage, or as long as the report */
};

enum { VERIFY_COVERAGE_MAX = 16 };

/* A zeroed one with `limit` set is empty. */
struct verify_report {
    size_t limit; /* how many of each kind are kept */
    struct verdict_counts counts;
    struct verify_coverage coverage[VERIFY_COVERAGE_MAX];
    size_t coverage_count;

    /* The rest is the report's own. */
    struct arena arena;
    struct verify_kept *first[VERDICT_KINDS];
    struct verify_kept *last[VERDICT_KINDS];
    size_t kept[VERDICT_KINDS];
};

/* `format` is the finding's detail. */
void verify_report_add(struct verify_report *report, const struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What was found of one kind is another after all. */
void verify_report_turn(struct verify_report *report, enum verdict_kind from, enum verdict_kind to);

/* One more line of the coverage; everything but CHECKED and NOT_ASKED makes the audit incomplete. */
void verify_report_cover(struct verify_report *report, struct verify_coverage coverage);

/* Coverage, notes and findings. */
void verify_report_write(const struct verify_report *report, struct output *output);

void verify_report_close(struct verify_report *report);

#endif
