/* doctor_postgres: the examination of PostgreSQL, and the rows of its checks.
 *
 * Here the question is the judge: a statement that answers one row of verdict ("ok", "note", "wrong"), text, and the
 * subject that stands for {} in the cure. */
#ifndef TASKLEDGER_CONSUMER_DOCTOR_DOCTOR_POSTGRES_H
#define TASKLEDGER_CONSUMER_DOCTOR_DOCTOR_POSTGRES_H

#include "consumer/daemon/configuration.h"
#include "consumer/doctor/doctor_report.h"
#include "consumer/postgres/postgres.h"

#include <stdbool.h>

struct doctor_question {
    const char *name;
    const char *sql;
    const char *cure;
};

/* In the order in which they are told; each table ends with a row without a name. Those about the ledger are asked only
 * where this program can work with it. */
extern const struct doctor_question doctor_server_questions[];
extern const struct doctor_question doctor_rights_questions[];
extern const struct doctor_question doctor_ledger_questions[];

/* Reach PostgreSQL and run all checks. FATAL, "config". */
bool doctor_postgres_examine(const struct configuration *configuration, struct doctor_report *report,
                             struct error *error);

#endif
