#include "replay/verify/verify_ledger.h"

#include "replay/verify/verify_seal.h"

static void cover(struct verify *verify, const char *check, uint64_t items, const char *detail)
{
    verify_report_cover(&verify->report, (struct verify_coverage){.check = check, .items = items, .detail = detail});
}

/* What is dealt out in parts. */
static void cover_part(struct verify *verify, const char *check, uint64_t items, const char *detail)
{
    verify_report_cover(
        &verify->report,
        (struct verify_coverage){.check = check, .asked = verify->settings->subset, .items = items, .detail = detail});
}

static void leave_out(struct verify *verify, const char *check, const char *detail)
{
    verify_report_cover(&verify->report,
                        (struct verify_coverage){.check = check, .state = VERIFY_NOT_ASKED, .detail = detail});
}

static void cover_full(struct verify *verify)
{
    const struct verify_totals *totals = &verify->totals;

    cover_part(verify, "projection", totals->tasks, "tasks: the row against the fold of the events");
    cover_part(verify, "events", totals->events, "events: payload, columns, number, digest");
    cover_part(verify, "chains", totals->producers, "producers: holes, links, ends");
}

static void cover_quick(struct verify *verify)
{
    const struct verify_totals *totals = &verify->totals;

    cover_part(verify, "counts", totals->tasks, "tasks: the row tells as many events as there are");
    cover_part(verify, "numbers", totals->events, "events: is each number there");
    cover_part(verify, "ends", totals->producers, "producers: holes, ends");
    leave_out(verify, "projection", "no row was compared with the fold of its events (--full)");
    leave_out(verify, "events", "no payload was read, no column compared (--full)");
    leave_out(verify, "chains", "no digest was computed but around holes (--full)");
}

static void cover_books(struct verify *verify)
{
    const struct verify_totals *totals = &verify->totals;

    cover(verify, "set aside", totals->set_aside, "entries that could not be events");
    cover(verify, "losses", totals->losses, "losses on record");
    cover(verify, "redactions", totals->redactions, "redactions, each with its event");
}

static bool check_full(struct verify *verify, struct error *error)
{
    verify->tasks = gather_new(verify->settings->temporary, GATHER_BYTES, error);
    return verify->tasks != NULL && verify_chains(verify, error) && verify_tasks(verify, error);
}

static bool check_quick(struct verify *verify, struct error *error)
{
    return verify_counts(verify, error) && verify_numbers(verify, error);
}

static bool check(struct verify *verify, struct error *error)
{
    return (verify->settings->quick ? check_quick(verify, error) : check_full(verify, error)) &&
           verify_books(verify, error);
}

bool verify_ledger(struct verify *verify, struct verify_ledger_summary *summary, struct error *error)
{
    int64_t started_us = verify->clock->monotonic_us(verify->clock->self);

    if (!ledger_begin_twice(&verify->ledger, error) ||
        !ledger_estimate(&verify->ledger, &verify->expected_events, error))
        return false;
    verify->expected_events /= verify->part.count;
    memcpy(summary->snapshot, verify->ledger.snapshot, sizeof summary->snapshot);
    summary->taken_at_us = verify->ledger.now_us;
    if (!check(verify, error))
        return false;

    summary->scan_us = verify->clock->monotonic_us(verify->clock->self) - started_us;
    if (verify->settings->quick)
        cover_quick(verify);
    else
        cover_full(verify);
    cover_books(verify);
    return verify_seal_judge(verify, error);
}
