/* verify: what looked missing, looked at again. */
#include "replay/verify/verify.h"

#include "replay/verify/stream_pages.h"
#include "replay/verify/verify_hole_text.h"

#include <stdio.h>

enum { LOOK_EVERY_US = 50 * 1000, MILLISECOND_US = 1000 };

/* ---- until the consumers have settled ---------------------------------------------------------------------------- */

static void key_of(const struct verify *verify, unsigned shard, char key[STREAM_KEY_BYTES_MAX])
{
    stream_key(verify->settings->stream, (unsigned)verify->settings->shards, shard, key);
}

static bool is_settled(const struct stream_position *position, struct stream_id last)
{
    if (last.ms == 0 && last.sequence == 0)
        return true;
    return position->has_group && stream_id_compare(position->delivered, last) >= 0 &&
           (position->pending == 0 || stream_id_compare(position->first_pending, last) > 0);
}

/* Until everything that is in this shard now is settled, or the deadline. */
static bool settle_shard(struct verify *verify, unsigned shard, int64_t deadline_us, bool *settled, struct error *error)
{
    char key[STREAM_KEY_BYTES_MAX];
    struct stream_id last;

    key_of(verify, shard, key);
    if (!stream_pages_last(verify->redis, key, &last, error))
        return false;
    for (;;) {
        struct stream_position position;

        if (!stream_pages_position(verify->redis, key, verify->settings->group, &position, error))
            return false;
        *settled = is_settled(&position, last);
        if (*settled || clock_left_ms(verify->clock, deadline_us) == 0)
            return true;
        verify->clock->sleep_us(verify->clock->self, LOOK_EVERY_US);
    }
}

/* A stream that can no longer be asked has not settled as far as we know. */
static void settle_all(struct verify *verify, bool *settled)
{
    struct error ignored;
    int64_t deadline_us = clock_deadline_us(verify->clock, verify->settings->settle_ms);

    *settled = true;
    for (unsigned shard = 0; *settled && shard < (unsigned)verify->settings->shards; shard++)
        if (!settle_shard(verify, shard, deadline_us, settled, &ignored))
            *settled = false;
}

/* ---- a second look ---------------------------------------------------------------------------------------------- */

/* The range type has no room for its last number, 2^63 - 1; whoever fills `held` leaves it out. */
#define LAST_IN_A_RANGE "9223372036854775806"

static const struct postgres_statement filled_statement = {
    "replay_filled", "SELECT (SELECT count(*) FROM (SELECT sequence FROM taskledger.task_event"
                     "   WHERE producer_id = $1::uuid AND sequence BETWEEN $2::int8 AND $3::int8"
                     "  UNION SELECT sequence FROM taskledger.rejected_event"
                     "   WHERE producer_id = $1::uuid AND sequence BETWEEN $2::int8 AND $3::int8) present),"
                     " coalesce((SELECT $3::int8 <= archived_sequence OR EXISTS (SELECT FROM unnest(held) AS r"
                     "   WHERE lower(r) <= $2::int8 AND upper(r) > least($3::int8, " LAST_IN_A_RANGE "))"
                     "  FROM taskledger.producer WHERE producer_id = $1::uuid), false),"
                     " (SELECT concat_ws(' on ', 'worker ' || nullif(left(worker, 60), ''),"
                     "   'host ' || nullif(left(host, 60), ''))"
                     "  FROM taskledger.producer WHERE producer_id = $1::uuid)"};

/* How many numbers of the hole are held now, whether the books say that all of them were, once, and whose they are. */
static bool look_at_hole(struct verify *verify, struct verify_hole *hole, struct error *error)
{
    AUTO_POSTGRES_RESULT result = NULL;
    uint8_t first[8], last[8];
    struct slice value;
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(hole->producer_id.bytes, UUID_BYTES)},
        {.value = ledger_bigint(hole->first, first)},
        {.value = ledger_bigint(hole->last, last)},
    };

    if (!postgres_query(verify->ledger.main, &filled_statement, parameters, 3, &result, error))
        return false;
    hole->filled = postgres_value(result, 0, 0, &value) ? (uint64_t)postgres_read_int64(value) : 0;
    hole->was_archived = postgres_value(result, 0, 1, &value) && postgres_read_boolean(value);
    if (postgres_value(result, 0, 2, &value))
        snprintf(hole->who, sizeof hole->who, "%.*s", SLICE_PRINT(value));
    return true;
}

static bool is_young(const struct verify *verify, const struct verify_hole *hole)
{
    return hole->noticed_at_us > verify->ledger.now_us - verify->settings->in_flight_ms * MILLISECOND_US;
}

/* Check what has filled a hole, and forget the hole. */
static bool look_again(struct verify *verify, bool *any_young, struct error *error)
{
    struct verify_holes *holes = &verify->holes;
    size_t kept = 0;

    *any_young = false;
    if (!ledger_begin_twice(&verify->ledger, error))
        return false;
    for (size_t i = 0; i < holes->count; i++) {
        struct verify_hole *hole = &holes->items[i];

        if (!look_at_hole(verify, hole, error))
            return false;
        if (hole->filled == hole->last - hole->first + 1) {
            if (!verify_filled(verify, hole, error))
                return false;
            continue;
        }
        *any_young = *any_young || is_young(verify, hole);
        holes->items[kept++] = *hole;
    }
    holes->count = kept;
    return true;
}

/* Without a word from the stream: young holes get the same time to fill. */
static bool wait_for_young(struct verify *verify, struct error *error)
{
    int64_t deadline_us = clock_deadline_us(verify->clock, verify->settings->settle_ms);
    bool any_young = false;

    for (;;) {
        if (!look_again(verify, &any_young, error))
            return false;
        if (!any_young || clock_left_ms(verify->clock, deadline_us) == 0)
            return true;
        verify->clock->sleep_us(verify->clock->self, LOOK_EVERY_US);
    }
}

/* ---- the verdict ------------------------------------------------------------------------------------------------ */

/* Who closed may still have to send again what was refused. Where the chain holds across, nothing was accepted. */
static bool may_come(const struct verify *verify, const struct verify_hole *hole, bool settled)
{
    bool never_was = hole->link == CHAIN_LINK_HOLDS && !hole->is_tail;

    return !hole->was_archived && (!settled || (is_young(verify, hole) && !never_was));
}

static void cover_filled(struct verify *verify)
{
    verify_report_cover(&verify->report, (struct verify_coverage){
                                             .check = "filled",
                                             .state = VERIFY_CHECKED,
                                             .items = verify->totals.filled,
                                             .detail = "events that filled holes meanwhile: as above, without their "
                                                       "tasks' rows"});
}

static void tell(struct verify *verify, bool settled)
{
    if (verify->totals.filled > 0)
        cover_filled(verify);
    for (size_t i = 0; i < verify->holes.count; i++) {
        const struct verify_hole *hole = &verify->holes.items[i];
        enum verdict_kind kind = hole->is_tail ? VERDICT_TAIL : VERDICT_HOLE;

        verify_hole_text_add(&verify->report, hole, may_come(verify, hole, settled) ? VERDICT_IN_FLIGHT : kind);
    }
}

bool verify_judge(struct verify *verify, struct error *error)
{
    bool settled = true, any_young;

    if (verify->holes.count == 0)
        return true;
    if (verify->redis == NULL) {
        if (!wait_for_young(verify, error))
            return false;
        tell(verify, true);
        return true;
    }

    settle_all(verify, &settled);
    if (!look_again(verify, &any_young, error))
        return false;
    tell(verify, settled);
    if (!settled && verify->report.counts.of[VERDICT_IN_FLIGHT] > 0)
        verify_report_cover(&verify->report,
                            (struct verify_coverage){.check = "holes",
                                                     .state = VERIFY_PARTLY,
                                                     .items = verify->holes.count,
                                                     .detail = "holes: the stream did not settle in time (--settle)"});
    return true;
}
