#include "consumer/upkeep/housekeeping.h"

#include "proto/stream.h"

#include <stdlib.h>
#include <string.h>

enum { SHARDS_A_SECOND = 32, WAIT_MS_MIN = 1, AFTER_FAILURE_MS = 1000 };

bool housekeeping_init(struct housekeeping *housekeeping, const struct housekeeping_options *options,
                       struct error *error)
{
    struct redis_options line = options->redis;
    const struct claim_options claim = {
        .group = options->group_name,
        .shards = options->shards,
        .idle_ms = options->claim_idle_ms,
        .clock = housekeeping->clock,
    };

    line.reply_string_max = HOUSEKEEPING_STRING_MAX;
    housekeeping->group_name = options->group_name;
    housekeeping->shard_count = options->shards;
    housekeeping->roster = (struct roster){.group = housekeeping->group,
                                           .slot = housekeeping->slot,
                                           .clock = housekeeping->clock,
                                           .shards = options->shards};
    watermark_init(&housekeeping->watermark, housekeeping->postgres, housekeeping->clock, options->tells_watermark);
    housekeeping->gaps = (struct gaps){
        .postgres = housekeeping->postgres,
        .clock = housekeeping->clock,
        .streams = {.source = housekeeping->group, .group_name = options->group_name, .shards = options->shards},
        .grace_ms = options->loss_grace_ms};
    housekeeping->stuck = (struct stuck){.postgres = housekeeping->postgres, .clock = housekeeping->clock};
    upkeep_init(&housekeeping->upkeep, &options->upkeep, housekeeping->group, housekeeping->postgres,
                housekeeping->clock);
    housekeeping->heads = (struct heads){.postgres = housekeeping->postgres,
                                         .clock = housekeeping->clock,
                                         .source = housekeeping->group,
                                         .group_name = options->group_name,
                                         .shards = options->shards};
    housekeeping->setback = (struct setback){.postgres = housekeeping->postgres,
                                             .clock = housekeeping->clock,
                                             .source = housekeeping->group,
                                             .group_name = options->group_name,
                                             .shards = options->shards,
                                             .knows_all = strcmp(options->stream, STREAM_DEFAULT) == 0};
    setback_init(&housekeeping->setback);
    housekeeping->retrace = (struct retrace){.postgres = housekeeping->postgres,
                                             .clock = housekeeping->clock,
                                             .source = housekeeping->group,
                                             .group_name = options->group_name,
                                             .shards = options->shards};
    housekeeping->reprieve =
        (struct reprieve){.postgres = housekeeping->postgres, .sink = options->sink, .version = options->version};
    housekeeping->claim = claim_new(&claim, housekeeping->group, housekeeping->slot);
    housekeeping->shards = calloc(options->shards, sizeof *housekeeping->shards);
    if (!heads_init(&housekeeping->heads) || !retrace_init(&housekeeping->retrace) ||
        !reprieve_init(&housekeeping->reprieve, options->stream, options->shards) || housekeeping->claim == NULL ||
        housekeeping->shards == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot allocate for %u shards", options->shards);

    housekeeping->line = redis_new(&line, error);
    return housekeeping->line != NULL;
}

void housekeeping_close(struct housekeeping *housekeeping)
{
    redis_free(housekeeping->line);
    claim_free(housekeeping->claim);
    upkeep_close(&housekeeping->upkeep);
    watermark_close(&housekeeping->watermark);
    heads_close(&housekeeping->heads);
    setback_close(&housekeeping->setback);
    retrace_close(&housekeeping->retrace);
    reprieve_close(&housekeeping->reprieve);
    free(housekeeping->shards);
}

static int64_t now_us(const struct housekeeping *housekeeping)
{
    return housekeeping->clock->monotonic_us(housekeeping->clock->self);
}

static bool is_due(const struct housekeeping *housekeeping, int64_t due_us)
{
    return now_us(housekeeping) >= due_us;
}

static bool round_of_roster(struct housekeeping *housekeeping, struct error *error)
{
    return roster_round(&housekeeping->roster, error);
}

static bool claim_if_due(struct housekeeping *housekeeping, struct error *error)
{
    if (!is_due(housekeeping, housekeeping->claim_due_us))
        return true;
    housekeeping->claim_due_us = clock_deadline_us(housekeeping->clock, HOUSEKEEPING_CLAIM_MS);
    return claim_round(housekeeping->claim, housekeeping->line, error);
}

static bool compare_heads(struct housekeeping *housekeeping, struct error *error)
{
    if (watermark_is_held(&housekeeping->watermark))
        return heads_compare(&housekeeping->heads, housekeeping->shards, housekeeping->line, error);
    heads_rest(&housekeeping->heads);
    return true;
}

static bool survey_if_due(struct housekeeping *housekeeping, struct error *error)
{
    int64_t every_ms = HOUSEKEEPING_SURVEY_MS * (1 + (int64_t)housekeeping->shard_count / SHARDS_A_SECOND);

    if (!is_due(housekeeping, housekeeping->survey_due_us))
        return true;
    housekeeping->survey_due_us = clock_deadline_us(housekeeping->clock, every_ms);
    for (unsigned shard = 0; shard < housekeeping->shard_count; shard++)
        if (!survey_shard(&housekeeping->shards[shard], housekeeping->line, group_key(housekeeping->group, shard),
                          housekeeping->group_name, error))
            return false;
    return compare_heads(housekeeping, error);
}

static bool is_open(const struct housekeeping *housekeeping)
{
    return slot_is_held(housekeeping->slot) && group_is_connected(housekeeping->group);
}

/* Only the usual group has said in Redis what its ledger holds. */
static bool may_be_set_back(const struct housekeeping *housekeeping)
{
    return housekeeping->watermark.tells && watermark_is_held(&housekeeping->watermark) &&
           !setback_is_done(&housekeeping->setback);
}

static bool may_be_retraced(const struct housekeeping *housekeeping)
{
    return watermark_is_held(&housekeeping->watermark) && !may_be_set_back(housekeeping) &&
           !retrace_is_done(&housekeeping->retrace);
}

/* It is known that the ledger did not go back, or that what it lacks is applied again. */
static bool is_examined(const struct housekeeping *housekeeping)
{
    return !may_be_set_back(housekeeping) && !may_be_retraced(housekeeping);
}

static int64_t next_due_us(const struct housekeeping *housekeeping)
{
    int64_t due_us = !is_examined(housekeeping) ? 0 : watermark_due_us(&housekeeping->watermark);

    if (roster_due_us(&housekeeping->roster) < due_us)
        due_us = roster_due_us(&housekeeping->roster);
    if (housekeeping->claim_due_us < due_us)
        due_us = housekeeping->claim_due_us;
    if (housekeeping->survey_due_us < due_us)
        due_us = housekeeping->survey_due_us;
    if (gaps_due_us(&housekeeping->gaps) < due_us)
        due_us = gaps_due_us(&housekeeping->gaps);
    if (stuck_due_us(&housekeeping->stuck) < due_us)
        due_us = stuck_due_us(&housekeeping->stuck);
    if (upkeep_due_us(&housekeeping->upkeep) < due_us)
        due_us = upkeep_due_us(&housekeeping->upkeep);
    return due_us > housekeeping->not_before_us ? due_us : housekeeping->not_before_us;
}

static bool round_of_watermark(struct housekeeping *housekeeping, struct error *error)
{
    return watermark_round(&housekeeping->watermark, housekeeping->line, error);
}

static bool round_of_setback(struct housekeeping *housekeeping, struct error *error)
{
    return !may_be_set_back(housekeeping) || setback_round(&housekeeping->setback, housekeeping->line, error);
}

static bool round_of_retrace(struct housekeeping *housekeeping, struct error *error)
{
    return !may_be_retraced(housekeeping) || retrace_round(&housekeeping->retrace, housekeeping->line, error);
}

static bool round_of_reprieve(struct housekeeping *housekeeping, struct error *error)
{
    return !watermark_is_held(&housekeeping->watermark) || reprieve_round(&housekeeping->reprieve, error);
}

static bool round_of_gaps(struct housekeeping *housekeeping, struct error *error)
{
    if (watermark_is_held(&housekeeping->watermark))
        return gaps_round(&housekeeping->gaps, housekeeping->line, error);
    gaps_rest(&housekeeping->gaps);
    return true;
}

static bool round_of_stuck(struct housekeeping *housekeeping, struct error *error)
{
    if (watermark_is_held(&housekeeping->watermark))
        return stuck_round(&housekeeping->stuck, error);
    stuck_rest(&housekeeping->stuck);
    return true;
}

/* Another group has no word about what is in Redis; and what the ledger may have lost is not trimmed. */
static bool round_of_upkeep(struct housekeeping *housekeeping, struct error *error)
{
    if (watermark_is_held(&housekeeping->watermark) && housekeeping->watermark.tells && is_examined(housekeeping))
        return upkeep_round(&housekeeping->upkeep, housekeeping->line, error);
    upkeep_rest(&housekeeping->upkeep);
    return true;
}

/* A new connection may be one with another server. */
static bool connect_line(struct housekeeping *housekeeping, struct error *error)
{
    if (!redis_is_connected(housekeeping->line))
        heads_doubt(&housekeeping->heads);
    return redis_connect(housekeeping->line, error);
}

/* In a cluster a node that is away takes the line with it, and not the others. */
static void open_again(struct housekeeping *housekeeping)
{
    struct error ignored;

    if (group_is_spread(housekeeping->group) && !redis_is_connected(housekeeping->line))
        (void)connect_line(housekeeping, &ignored);
}

/* Each whatever became of the others: a watermark that cannot be folded must not leave a dead consumer's entries lying.
 * The first failure is told. */
static bool do_chores(struct housekeeping *housekeeping, struct error *error)
{
    static bool (*const chores[])(struct housekeeping *, struct error *) = {
        round_of_roster,   claim_if_due,  round_of_watermark, round_of_setback, round_of_retrace,
        round_of_reprieve, round_of_gaps, round_of_stuck,     round_of_upkeep,  survey_if_due,
    };
    bool good = true;

    for (size_t i = 0; i < sizeof chores / sizeof *chores; i++) {
        struct error why;

        open_again(housekeeping);
        if (chores[i](housekeeping, &why))
            continue;
        if (good)
            *error = why;
        good = false;
    }
    return good;
}

bool housekeeping_turn(struct housekeeping *housekeeping, struct error *error)
{
    if (!is_open(housekeeping) || !is_due(housekeeping, next_due_us(housekeeping)))
        return true;

    if (connect_line(housekeeping, error) && do_chores(housekeeping, error)) {
        housekeeping->failed = false;
        return true;
    }
    housekeeping->failed = true;
    housekeeping->failures++;
    housekeeping->not_before_us = clock_deadline_us(housekeeping->clock, AFTER_FAILURE_MS);
    return false;
}

bool housekeeping_probe(struct housekeeping *housekeeping, struct error *error)
{
    const struct slice ping = slice_from_text("PING");
    uint8_t memory[512];
    struct arena arena;
    struct reply reply;

    arena_init_with(&arena, memory, sizeof memory, 0);
    bool good = connect_line(housekeeping, error) && redis_call(housekeeping->line, &ping, 1, &arena, &reply, error);
    arena_close(&arena);
    return good;
}

struct redis *housekeeping_line(struct housekeeping *housekeeping)
{
    struct error ignored;

    return connect_line(housekeeping, &ignored) ? housekeeping->line : NULL;
}

bool housekeeping_is_connected(const struct housekeeping *housekeeping)
{
    return redis_is_connected(housekeeping->line);
}

void housekeeping_finish(struct housekeeping *housekeeping)
{
    struct error ignored;

    if (slot_is_held(housekeeping->slot) && redis_is_connected(housekeeping->line))
        watermark_finish(&housekeeping->watermark, housekeeping->line, &ignored);
}

bool housekeeping_is_well(const struct housekeeping *housekeeping)
{
    return !housekeeping->failed;
}

int housekeeping_wait_ms(const struct housekeeping *housekeeping)
{
    int wait_ms = clock_left_ms(housekeeping->clock, next_due_us(housekeeping));

    if (wait_ms > GROUP_WAIT_MS_MAX)
        wait_ms = GROUP_WAIT_MS_MAX;
    return wait_ms < WAIT_MS_MIN ? WAIT_MS_MIN : wait_ms;
}
