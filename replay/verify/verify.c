#include "replay/verify/verify.h"

#include "replay/command.h"
#include "replay/verify/stream_line.h"
#include "replay/verify/verify_ledger.h"
#include "replay/verify/verify_seal.h"

#include <assert.h>

enum { SECOND_US = 1000000 };

/* ---- the report's end -------------------------------------------------------------------------------------------- */

static const struct column summary_columns[] = {
    {"verdict", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"findings", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"notes", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"depth", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"subset", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"ledger", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"snapshot", NULL, COLUMN_TEXT, COLUMN_CELL},
    {"taken_at", "taken", COLUMN_TIME, COLUMN_CELL},
    {"tasks", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"events", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"producers", NULL, COLUMN_INTEGER, COLUMN_CELL},
    {"stream_entries", "stream entries", COLUMN_INTEGER, COLUMN_CELL},
    {"elapsed_us", "took", COLUMN_DURATION, COLUMN_CELL},
    {"events_per_second", "events/s", COLUMN_INTEGER, COLUMN_CELL},
};

static const struct section summary_section = {
    .name = "summary",
    .item = "summary",
    .columns = summary_columns,
    .count = sizeof summary_columns / sizeof *summary_columns,
};

static struct value verdict_of(const struct verdict_counts *counts)
{
    enum exit_code code = verdict_exit_code(counts);

    if (code == EXIT_OK)
        return value_toned(value_words("clean"), TONE_GOOD);
    if (code == EXIT_INCOMPLETE)
        return value_toned(value_words("incomplete"), TONE_ODD);
    if (code == EXIT_DIVERGED)
        return value_toned(value_words("diverged"), TONE_BAD);
    return value_toned(value_words("findings"), TONE_BAD);
}

static void write_summary(const struct verify *verify, const struct verify_ledger_summary *summary,
                          struct output *output)
{
    const struct verify_totals *totals = &verify->totals;
    int64_t scan_us = summary->scan_us > 0 ? summary->scan_us : 1;
    const struct value values[] = {
        verdict_of(&verify->report.counts),
        value_unsigned(verdict_findings(&verify->report.counts)),
        value_unsigned(verdict_notes(&verify->report.counts)),
        value_words(verify->settings->quick ? "quick" : "full"),
        value_words(verify->settings->subset),
        value_words(postgres_address(verify->ledger.main)),
        value_words(summary->snapshot),
        value_time(summary->taken_at_us),
        value_unsigned(totals->tasks),
        value_unsigned(totals->events),
        value_unsigned(totals->producers),
        value_unsigned(totals->entries),
        value_integer(scan_us),
        value_integer((int64_t)((double)totals->events * SECOND_US / (double)scan_us)),
    };

    static_assert(sizeof values / sizeof *values == sizeof summary_columns / sizeof *summary_columns,
                  "a value a column");
    output_begin(output, &summary_section);
    output_row(output, values);
    output_end(output);
}

/* ---- the checks -------------------------------------------------------------------------------------------------- */

/* A stream that is not there or does not let us in leaves the audit incomplete, not failed. */
static bool check_stream(struct verify *verify, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};

    if (verify->settings->redis_url == NULL) {
        verify_report_cover(
            &verify->report,
            (struct verify_coverage){.check = "stream", .state = VERIFY_NOT_ASKED, .detail = "REDIS_URL is not set"});
        return true;
    }
    if (stream_line_open(verify->settings, verify->clock, &verify->redis, &why) && verify_stream(verify, &why))
        return true;
    if (!stream_line_is_shut(&why) || !postgres_is_open(verify->ledger.main)) {
        *error = why;
        return false;
    }

    console_say("the stream was not checked: %s", why.text);
    verify_report_cover(&verify->report,
                        (struct verify_coverage){.check = "stream",
                                                 .state = VERIFY_UNREACHABLE,
                                                 .items = verify->totals.entries,
                                                 .detail = "Redis is not there, or does not let us in"});
    redis_free(verify->redis);
    verify->redis = NULL;
    return true;
}

void verify_tell(struct verify *verify, const char *phase, uint64_t done, uint64_t expected)
{
    verify->progress.errors = verdict_findings(&verify->report.counts);
    console_progress_tell(&verify->progress, phase, done, expected);
}

static bool check_all(struct verify *verify, struct verify_ledger_summary *summary, struct error *error)
{
    bool good = verify_ledger(verify, summary, error) && check_stream(verify, error) && verify_judge(verify, error);

    console_progress_end(&verify->progress);
    if (!good)
        return false;
    verify_deleted(verify);
    return true;
}

/* What is asked for at once and cannot be had. */
static bool settle_depth(struct verify *verify, struct error *error)
{
    const struct settings *settings = verify->settings;

    if (settings->full && settings->quick)
        return error_set(error, ERROR_FATAL, "usage", "--full and --quick are two depths: give one");
    if (settings->seal != NULL && settings->quick)
        return error_set(error, ERROR_FATAL, "usage",
                         "a seal is of what the events say, which --quick does not read: leave it out");
    return part_parse(settings->subset, &verify->part, error);
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    struct verify_ledger_summary summary = {.scan_us = 0};
    struct verify verify = {
        .settings = replay->settings,
        .clock = replay->clock,
        .report = {.limit = (size_t)replay->settings->limit},
    };

    (void)arguments;
    console_progress_start(&verify.progress, replay->clock);
    console_on_interrupt("nothing was changed, and not all was checked; run it again");
    bool good = settle_depth(&verify, error) && verify_seal_open(&verify, &verify.seal, error) &&
                ledger_open(&verify.ledger, replay->settings->database_url, replay->clock, error) &&
                check_all(&verify, &summary, error);
    if (good) {
        verify_report_write(&verify.report, replay->output);
        if (verify.seal != NULL)
            verify_seal_write(verify.seal, replay->output);
        write_summary(&verify, &summary, replay->output);
        *exit = verdict_exit_code(&verify.report.counts);
    }

    verify_seal_free(verify.seal);
    gather_free(verify.tasks);
    ledger_close(&verify.ledger);
    redis_free(verify.redis);
    verify_holes_close(&verify.holes);
    verify_report_close(&verify.report);
    return good;
}

static const char *const flags[] = {"--full",  "--quick",     "--subset", "--seal", "--public-key",
                                    "--limit", "--in-flight", "--settle", NULL};

const struct command verify_command = {
    .name = "verify",
    .arguments = "",
    .summary = "is the ledger whole, unchanged, and right",
    .description =
        "Checks in one snapshot that every task's row equals the fold of its events, that every event's columns equal\n"
        "its payload, and that every producer's numbers and digests are without a break; then, if REDIS_URL is set,\n"
        "that everything settled in the stream is in the ledger. Holes are looked at again after the consumers have\n"
        "settled.\n"
        "\n"
        "--quick reads no payloads: numbers, ends and counts by the indexes alone, books and stream. --subset 1/7 "
        "checks\n"
        "one of seven parts of the producers and tasks, the same ones each time; books and stream whole. The coverage\n"
        "tells what was asked for, and what was not checked.\n"
        "\n"
        "With --seal also that nothing of what taskledger-replay seal wrote down was changed, removed, inserted or "
        "cut\n"
        "off since; what diverges is named. With --public-key the seal must be signed by that key.\n"
        "\n"
        "Exit codes: 0 clean (notes are no findings), 1 findings, 2 the seal or the key cannot be used, 3 PostgreSQL\n"
        "cannot be reached, 4 not all could be checked, 5 diverged from the seal, whatever else was found.\n",
    .example = "taskledger-replay verify\n"
               "taskledger-replay verify --quick\n"
               "taskledger-replay verify --subset $(date +%u)/7\n"
               "taskledger-replay verify --seal /safe/ledger.seal --public-key seal.pub --format json\n",
    .flags = flags,
    .is_read = true,
    .run = run,
};
