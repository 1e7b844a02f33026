/* doctor_report: what the doctor found, as it is told: as text line by line, or as one JSON object at the end.
 *
 *   {"checks": [{"name": "redis.version", "verdict": "ok", "text": "7.0.15"},
 *               {"name": "redis.policy", "verdict": "wrong", "text": "...", "do": "redis-cli ..."}],
 *    "ok": 1, "notes": 0, "wrong": 1, "reached": {"redis": true, "postgresql": true}} */
#ifndef TASKLEDGER_CONSUMER_DOCTOR_DOCTOR_REPORT_H
#define TASKLEDGER_CONSUMER_DOCTOR_DOCTOR_REPORT_H

#include "proto/error.h"
#include "proto/exit_code.h"
#include "proto/json_writer.h"

#include <stdbool.h>
#include <stddef.h>

enum doctor_verdict { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_WRONG };

enum { DOCTOR_VERDICTS = 3, DOCTOR_TEXT_MAX = 1024, DOCTOR_SUBJECT_MAX = 1024 };

struct doctor_finding {
    enum doctor_verdict verdict;
    char text[DOCTOR_TEXT_MAX];
    char subject[DOCTOR_SUBJECT_MAX]; /* stands for {} in the cure */
};

enum doctor_server { DOCTOR_REDIS, DOCTOR_POSTGRESQL, DOCTOR_SERVERS };

struct doctor_report {
    bool is_json;
    bool missed[DOCTOR_SERVERS]; /* not, or not wholly, examined */
    unsigned told[DOCTOR_VERDICTS];
    struct json_writer json;
};

void doctor_report_begin(struct doctor_report *report, bool is_json);

/* One check's finding. The cure is told when something is wrong. */
void doctor_report_tell(struct doctor_report *report, const char *name, const struct doctor_finding *finding,
                        const char *cure);

/* The summary, and what to exit with. FATAL, "output". Frees what the report holds. */
bool doctor_report_end(struct doctor_report *report, enum exit_code *code, struct error *error);

/* Fill a finding. */
void doctor_report_set(struct doctor_finding *finding, enum doctor_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A question that was not answered: what is behind it is not known, which is a note. `what` is what was asked for. */
void doctor_report_unknown(struct doctor_finding *finding, const char *what, const struct error *why);

#endif
