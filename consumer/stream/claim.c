#include "consumer/stream/claim.h"

#include "consumer/stream/info.h"
#include "consumer/stream/pending.h"
#include "consumer/upkeep/retire.h"
#include "proto/redis_error.h"

#include <stdlib.h>
#include <string.h>

enum { KEEP_BYTES = 256 * 1024, REFRESHES_PER_IDLE = 3 };

struct claim {
    struct claim_options options;
    struct group *source;
    struct slot *slot;
    struct arena arena;          /* of one answer or two that belong together */
    unsigned shard;              /* where the next round begins */
    struct stream_id *idle_from; /* per shard: where the next look at idle entries begins */
    struct slot_numbers silent;  /* whose sessions were silent when this round began */
    int64_t retire_due_us;
    bool retires;     /* in this round */
    bool have_others; /* something is pending for others, in this shard */
    struct claim_counters counters;
};

/* What Redis knows of a consumer. */
struct remains {
    struct slice name;
    int64_t pending;
    int64_t idle_ms;
};

struct claim *claim_new(const struct claim_options *options, struct group *source, struct slot *slot)
{
    struct claim *claim = calloc(1, sizeof *claim);

    if (claim == NULL)
        return NULL;
    *claim = (struct claim){.options = *options, .source = source, .slot = slot};
    arena_init(&claim->arena, 0);
    claim->idle_from = calloc(options->shards, sizeof *claim->idle_from);
    if (claim->idle_from != NULL)
        return claim;
    claim_free(claim);
    return NULL;
}

void claim_free(struct claim *claim)
{
    if (claim == NULL)
        return;
    arena_close(&claim->arena);
    free(claim->idle_from);
    free(claim);
}

static const char *ourselves(const struct claim *claim)
{
    return group_consumer(claim->source);
}

static void add_deleted(struct claim *claim, unsigned shard, struct slice id_text)
{
    struct stream_id id;

    if (!stream_id_parse(id_text, &id))
        return;
    group_add_deleted(claim->source, shard, id);
    claim->counters.deleted++;
}

/* Entries that were pending and could not be given: Redis 7 has dropped those that are no longer in the stream. */
static bool look_for_deleted(struct claim *claim, const struct pending *pending, unsigned shard,
                             const struct reply *rows, const struct reply *given, struct error *error)
{
    size_t found = 0;

    for (size_t i = 0; i < rows->count; i++) {
        const struct reply *row = &rows->elements[i];
        bool exists = true;

        if (row->type != REPLY_ARRAY || row->count == 0)
            continue;
        struct slice id = row->elements[0].text;
        if (found < given->count && slice_equal(given->elements[found].text, id)) {
            found++;
            continue;
        }
        if (!pending_exists(pending, id, &exists, error))
            return false;
        if (!exists)
            add_deleted(claim, shard, id);
    }
    return true;
}

/* One page of a dead consumer's entries; `*more` tells whether there may be another. */
static bool take_page(struct claim *claim, const struct pending *pending, unsigned shard, struct slice owner,
                      bool *more, struct error *error)
{
    struct reply rows;
    struct reply given;
    size_t room = group_deleted_room(claim->source);
    size_t count = room < PENDING_PAGE_MAX ? room : PENDING_PAGE_MAX;

    *more = false;
    if (count == 0)
        return true;
    if (!pending_of(pending, owner, 0, count, &rows, error))
        return false;
    if (rows.count == 0)
        return true;
    bool good = pending_give(pending, ourselves(claim), &rows, &given, error);
    if (!good || given.count > 0)
        group_reread(claim->source); /* a lost answer may have given us some */
    if (!good)
        return false;

    *more = rows.count == count;
    claim->counters.dead += given.count;
    return look_for_deleted(claim, pending, shard, &rows, &given, error);
}

static bool take_over(struct claim *claim, struct pending pending, unsigned shard, struct slice owner,
                      struct error *error)
{
    struct arena page;
    bool more = true;
    bool good = true;

    arena_init(&page, 0);
    pending.arena = &page;
    for (int pages = 0; good && more && pages < CLAIM_PAGES_MAX; pages++) {
        arena_reset(&page, KEEP_BYTES);
        good = take_page(claim, &pending, shard, owner, &more, error);
    }
    arena_close(&page);
    return good;
}

/* A dead consumer's entries are taken over; when it has none any more its name goes, so that a group does not collect
 * the names of all there ever were. */
static bool bury(struct claim *claim, const struct pending *pending, unsigned shard, const struct remains *remains,
                 struct error *error)
{
    bool retired = false;

    if (remains->pending > 0)
        return take_over(claim, *pending, shard, remains->name, error);
    if (!retire_consumer(pending, remains->name, claim->options.idle_ms, &retired, error))
        return false;
    claim->counters.retired += retired;
    return true;
}

/* If the slot that this name stands for is free its owner is gone; while we hold it nobody else can become it. */
static bool bury_if_dead(struct claim *claim, const struct pending *pending, unsigned shard,
                         const struct remains *remains, struct error *error)
{
    unsigned number = slot_number(remains->name);
    bool dead = false;

    if (number == 0)
        return true;
    if (!slot_try(claim->slot, number, &dead, error))
        return false;
    if (!dead)
        return true;

    struct error lost = {.kind = ERROR_NONE};
    bool buried = bury(claim, pending, shard, remains, error);
    bool given_back = slot_give_back(claim->slot, number, &lost);
    if (buried && !given_back)
        *error = lost;
    return buried && given_back;
}

static bool read_remains(const struct reply *consumer, struct remains *remains)
{
    return info_text(consumer, "name", &remains->name) && info_integer(consumer, "pending", &remains->pending) &&
           info_integer(consumer, "idle", &remains->idle_ms);
}

/* Of one that has nothing pending it takes a question to PostgreSQL to know that it is gone: that is asked seldom. */
static bool leaves_something(const struct claim *claim, const struct remains *remains)
{
    return remains->pending > 0 || (claim->retires && remains->idle_ms >= claim->options.idle_ms);
}

/* Whoever lives is heard once a second, here and there: less than twice that proves nothing, whatever the idle time. */
static int64_t silent_ms(const struct claim *claim)
{
    return claim->options.idle_ms > CLAIM_SILENT_MS_MIN ? claim->options.idle_ms : CLAIM_SILENT_MS_MIN;
}

static bool is_silent(const struct claim *claim, const struct reply *consumer, unsigned number)
{
    int64_t idle_ms;

    if (!info_integer(consumer, "idle", &idle_ms) || idle_ms < silent_ms(claim))
        return false;
    for (size_t i = 0; i < claim->silent.count; i++)
        if (claim->silent.numbers[i] == number)
            return true;
    return false;
}

/* Silent in both places it is frozen. Where we may not end sessions, its entries are still claimed. */
static bool end_if_frozen(struct claim *claim, const struct reply *consumer, struct slice name, struct error *error)
{
    struct error why = {.kind = ERROR_NONE};
    unsigned number = slot_number(name);
    bool ended = false;

    if (number == 0 || claim->counters.refused > 0 || !is_silent(claim, consumer, number))
        return true;
    if (slot_end(claim->slot, number, silent_ms(claim), &ended, &why)) {
        claim->counters.ended += ended;
        return true;
    }
    if (strcmp(why.reason, "rights") == 0) {
        claim->counters.refused++;
        return true;
    }
    *error = why;
    return false;
}

static bool take_from_dead(struct claim *claim, const struct pending *pending, unsigned shard, struct error *error)
{
    struct reply consumers;
    const struct slice words[] = {
        slice_from_text("XINFO"),
        slice_from_text("CONSUMERS"),
        slice_from_text(pending->key),
        slice_from_text(pending->group),
    };

    if (!redis_call(pending->redis, words, 4, pending->arena, &consumers, error))
        return false;
    claim->have_others = false;
    for (size_t i = 0; consumers.type == REPLY_ARRAY && i < consumers.count; i++) {
        const struct reply *consumer = &consumers.elements[i];
        struct remains remains;

        if (!read_remains(consumer, &remains) || slice_equal(remains.name, slice_from_text(ourselves(claim))))
            continue;
        claim->have_others |= remains.pending > 0;
        if (!end_if_frozen(claim, consumer, remains.name, error))
            return false;
        if (leaves_something(claim, &remains) && !bury_if_dead(claim, pending, shard, &remains, error))
            return false;
    }
    return true;
}

/* Redis takes long to look through what is pending. While we are behind, what is ours is refreshed and never idle; when we
 * are not, it may be that we were given something and do not know. */
static bool take_idle(struct claim *claim, const struct pending *pending, unsigned shard, struct error *error)
{
    struct pending_idle idle;
    size_t room = group_deleted_room(claim->source);
    size_t count = room < PENDING_PAGE_MAX ? room : PENDING_PAGE_MAX;

    if (count == 0 || (!claim->have_others && group_awaits_answer(claim->source)))
        return true;
    bool good = pending_give_idle(pending, ourselves(claim), claim->options.idle_ms, claim->idle_from[shard], count,
                                  &idle, error);
    if (!good || idle.given > 0)
        group_reread(claim->source); /* as above */
    if (!good)
        return false;

    claim->idle_from[shard] = idle.next;
    claim->counters.idle += idle.given;
    for (size_t i = 0; idle.deleted != NULL && i < idle.deleted->count && i < count; i++)
        add_deleted(claim, shard, idle.deleted->elements[i].text);
    return true;
}

/* A large answer is applied in many slices: what waits in it must not look forgotten. What Redis drops here since it is
 * no longer in the stream may be in our hands and be stored yet; if we died before, nobody would know of it. */
static bool refresh_own(struct claim *claim, const struct pending *pending, unsigned shard, struct error *error)
{
    struct reply rows;
    struct reply given;
    struct slice owner = slice_from_text(ourselves(claim));
    int64_t idle_ms = claim->options.idle_ms / REFRESHES_PER_IDLE;
    size_t room = group_deleted_room(claim->source);
    size_t count = room < PENDING_PAGE_MAX ? room : PENDING_PAGE_MAX;

    if (!group_awaits_answer(claim->source) || count == 0)
        return true;
    if (!pending_of(pending, owner, idle_ms, count, &rows, error))
        return false;
    if (rows.count == 0)
        return true;
    if (!pending_give(pending, ourselves(claim), &rows, &given, error))
        return false;
    claim->counters.refreshed += given.count;
    return look_for_deleted(claim, pending, shard, &rows, &given, error);
}

static bool visit_shard(struct claim *claim, struct redis *line, unsigned shard, struct error *error)
{
    const struct pending pending = {
        .redis = line,
        .arena = &claim->arena,
        .key = group_key(claim->source, shard),
        .group = claim->options.group,
    };

    arena_reset(&claim->arena, KEEP_BYTES);
    return refresh_own(claim, &pending, shard, error) && take_from_dead(claim, &pending, shard, error) &&
           take_idle(claim, &pending, shard, error);
}

bool claim_round(struct claim *claim, struct redis *line, struct error *error)
{
    int64_t deadline_us = clock_deadline_us(claim->options.clock, CLAIM_ROUND_MS);

    if (!slot_silent(claim->slot, silent_ms(claim), &claim->silent, error))
        return false;
    claim->retires = clock_left_ms(claim->options.clock, claim->retire_due_us) == 0;
    if (claim->retires)
        claim->retire_due_us = clock_deadline_us(claim->options.clock, claim->options.idle_ms);
    for (unsigned visited = 0; visited < claim->options.shards; visited++) {
        unsigned shard = claim->shard;

        claim->shard = (shard + 1) % claim->options.shards;
        if (group_reads(claim->source, shard) && !visit_shard(claim, line, shard, error))
            return false;
        if (clock_left_ms(claim->options.clock, deadline_us) == 0)
            break;
    }
    return true;
}

const struct claim_counters *claim_counters(const struct claim *claim)
{
    return &claim->counters;
}
