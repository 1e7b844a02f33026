#include "consumer/doctor/doctor_postgres.h"

#include "consumer/ledger/schema.h"
#include "proto/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_APART_US INT64_C(1000000)

struct patient {
    struct doctor_report *report;
    struct postgres *postgres;
};

/* ---- one question ------------------------------------------------------------------------------------------------ */

static enum doctor_verdict verdict_of(struct slice word)
{
    if (slice_equal(word, slice_from_text("ok")))
        return DOCTOR_OK;
    return slice_equal(word, slice_from_text("note")) ? DOCTOR_NOTE : DOCTOR_WRONG;
}

/* Streamed, since that prepares nothing. */
static bool note_answer(void *self, const struct postgres_row *row, struct error *error)
{
    struct doctor_finding *finding = self;
    struct slice verdict;
    struct slice text;
    struct slice subject;

    (void)error;
    if (!postgres_row_value(row, 0, &verdict) || !postgres_row_value(row, 1, &text))
        return true;
    doctor_report_set(finding, verdict_of(verdict), "%.*s", SLICE_PRINT(text));
    if (postgres_row_value(row, 2, &subject))
        snprintf(finding->subject, sizeof finding->subject, "%.*s", SLICE_PRINT(subject));
    return true;
}

/* False when the server went away. */
static bool ask(struct patient *patient, const struct doctor_question *question)
{
    const struct postgres_statement statement = {question->name, question->sql};
    struct doctor_finding finding = {.verdict = DOCTOR_NOTE, .text = "not known: there was no answer"};
    struct error why = {.kind = ERROR_NONE};

    if (!postgres_stream(patient->postgres, &statement, NULL, 0, note_answer, &finding, &why))
        doctor_report_unknown(&finding, "look at it", &why);
    doctor_report_tell(patient->report, question->name, &finding, question->cure);
    return postgres_is_open(patient->postgres);
}

static bool ask_all(struct patient *patient, const struct doctor_question *questions)
{
    for (; questions->name != NULL; questions++)
        if (!ask(patient, questions))
            return false;
    return true;
}

/* ---- what is no question ----------------------------------------------------------------------------------------- */

static bool note_time(void *self, const struct postgres_row *row, struct error *error)
{
    const struct clock *clock = clock_system();
    struct doctor_finding *finding = self;
    struct slice value;

    (void)error;
    if (!postgres_row_value(row, 0, &value))
        return true;
    int64_t ahead_us = postgres_read_time_us(value) - clock->unix_us(clock->self);
    doctor_report_set(finding, llabs(ahead_us) > CLOCK_APART_US ? DOCTOR_WRONG : DOCTOR_OK, "%.1f s %s this machine's",
                      (double)llabs(ahead_us) / 1e6, ahead_us < 0 ? "behind" : "ahead of");
    return true;
}

static bool compare_clocks(struct patient *patient)
{
    static const struct postgres_statement statement = {"doctor_clock", "SELECT pg_catalog.clock_timestamp()"};
    struct doctor_finding finding = {.verdict = DOCTOR_NOTE};
    struct error why = {.kind = ERROR_NONE};

    if (!postgres_stream(patient->postgres, &statement, NULL, 0, note_time, &finding, &why))
        doctor_report_unknown(&finding, "look at it", &why);
    doctor_report_tell(patient->report, "postgresql.clock", &finding,
                       "timedatectl set-ntp true (on the machine whose clock is wrong)");
    return postgres_is_open(patient->postgres);
}

/* `*serves`: there is a ledger, and this program can work with it. */
static bool look_at_ledger(struct patient *patient, bool *serves)
{
    struct doctor_finding finding = {.verdict = DOCTOR_OK};
    struct error why = {.kind = ERROR_NONE};
    const char *cure = "install the taskledger-consumer of that version";

    *serves = schema_check(patient->postgres, &why);
    if (*serves) {
        doctor_report_set(&finding, DOCTOR_OK, "version %d", schema_version());
    } else if (strcmp(why.reason, "not_migrated") == 0 || strcmp(why.reason, "schema") == 0) {
        doctor_report_set(&finding, DOCTOR_WRONG, "%s", why.text);
        if (strcmp(why.reason, "not_migrated") == 0)
            cure = "taskledger-consumer migrate";
    } else {
        doctor_report_unknown(&finding, "look into the schema taskledger", &why);
    }
    doctor_report_tell(patient->report, "postgresql.ledger", &finding, cure);
    return postgres_is_open(patient->postgres);
}

/* ---- reaching it ------------------------------------------------------------------------------------------------- */

/* `reached`: it is there, and it is what is wrong. */
static const struct {
    const char *reason;
    const char *name;
    bool reached;
    const char *cure;
} doors[] = {
    {"version", "postgresql.version", true, "install PostgreSQL 15 or newer there"},
    {"pooler", "postgresql.pooler", true,
     "set DATABASE_URL to PostgreSQL itself, or in pgbouncer.ini: pool_mode = session"},
    {"authentication", "postgresql.reachable", false,
     "put the right user and password into DATABASE_URL, DATABASE_URL_FILE or PGPASSFILE, and see pg_hba.conf"},
    {"no_database", "postgresql.reachable", false, "createdb --encoding=UTF8 NAME (or name another in DATABASE_URL)"},
    {"too_many_connections", "postgresql.reachable", false,
     "psql -c 'ALTER SYSTEM SET max_connections = 200', and restart PostgreSQL"},
    {"connection", "postgresql.reachable", false, "start PostgreSQL there, or set DATABASE_URL to where it is"},
    {"timeout", "postgresql.reachable", false, "start PostgreSQL there, or set DATABASE_URL to where it is"},
};

enum { DOORS = sizeof doors / sizeof *doors };

static void tell_away(struct patient *patient, const struct error *why)
{
    struct doctor_finding finding = {.verdict = DOCTOR_WRONG};
    size_t door = 0;

    doctor_report_set(&finding, DOCTOR_WRONG, "%s", why->text);
    while (door < DOORS && strcmp(doors[door].reason, why->reason) != 0)
        door++;
    bool known = door < DOORS;
    doctor_report_tell(patient->report, known ? doors[door].name : "postgresql.reachable", &finding,
                       known ? doors[door].cure : "mend what it says");
    patient->report->missed[DOCTOR_POSTGRESQL] = !known || !doors[door].reached;
}

static bool open_session(struct patient *patient, const struct configuration *configuration, bool read_only,
                         struct error *why)
{
    const struct postgres_options options = {
        .url = configuration->database_url,
        .application_name = "taskledger-consumer doctor",
        .read_only = read_only,
    };

    patient->postgres = postgres_new(&options, why);
    if (patient->postgres != NULL && postgres_open(patient->postgres, why))
        return true;
    postgres_free(patient->postgres);
    patient->postgres = NULL;
    return false;
}

/* As a consumer does; and where it takes no writes, as a reader does, to tell why. Nothing is written either way. */
static bool reach(struct patient *patient, const struct configuration *configuration, struct error *why)
{
    struct error ignored = {.kind = ERROR_NONE};

    if (open_session(patient, configuration, false, why))
        return postgres_execute(patient->postgres, "SET default_transaction_read_only = on", why);
    return why->kind == ERROR_TRANSIENT && open_session(patient, configuration, true, &ignored);
}

static bool examine(struct patient *patient)
{
    bool serves;

    if (!ask_all(patient, doctor_server_questions) || !compare_clocks(patient) ||
        !ask_all(patient, doctor_rights_questions) || !look_at_ledger(patient, &serves))
        return false;
    return !serves || ask_all(patient, doctor_ledger_questions);
}

bool doctor_postgres_examine(const struct configuration *configuration, struct doctor_report *report,
                             struct error *error)
{
    struct patient patient = {.report = report};
    struct doctor_finding finding = {.verdict = DOCTOR_OK};
    struct error why = {.kind = ERROR_NONE, .reason = ""};

    if (!reach(&patient, configuration, &why)) {
        bool usable = strcmp(why.reason, "config") != 0;
        if (usable)
            tell_away(&patient, &why);
        else
            *error = why;
        postgres_free(patient.postgres);
        return usable;
    }

    doctor_report_set(&finding, DOCTOR_OK, "%s", postgres_address(patient.postgres));
    doctor_report_tell(report, "postgresql.reachable", &finding, "");
    if (!examine(&patient)) {
        error_set(&why, ERROR_TRANSIENT, "connection", "the session was lost in the middle of the examination");
        tell_away(&patient, &why);
    }
    postgres_free(patient.postgres);
    return true;
}
