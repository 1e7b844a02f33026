#include "consumer/ledger/suspects.h"

#include "consumer/ledger/suspect_rows.h"
#include "consumer/ledger/suspect_trials.h"
#include "consumer/stream/keys.h"
#include "consumer/stream/pending.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_BYTES = 256 * 1024, ROW_PARTS = 4, DELIVERIES_PLACE = 3 };

/* An entry that this process has decoded, and could not apply for another reason. */
struct mark {
    struct stream_id id; /* 0-0: none */
    unsigned shard;
    unsigned deliveries;
    bool owes; /* it was tried alone: that is to be taken back */
};

struct suspects {
    struct suspects_options options;
    struct sink inner;
    struct keys keys;
    struct mark *survived;         /* SUSPECTS_SURVIVED, by place_of */
    struct entry *entries;         /* BATCH_ENTRIES_MAX: those of the batch, with their deliveries */
    struct entry *sorted;          /* as many */
    struct suspect_trials *trials; /* as many, of the suspects among the sorted */
    struct arena arena;
    struct suspects_counters counters;
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

struct suspects *suspects_new(const struct suspects_options *options, struct error *error)
{
    struct suspects *suspects = calloc(1, sizeof *suspects);

    if (suspects != NULL) {
        suspects->options = *options;
        suspects->inner = apply_sink(options->apply);
        suspects->survived = calloc(SUSPECTS_SURVIVED, sizeof *suspects->survived);
        suspects->entries = calloc(BATCH_ENTRIES_MAX, sizeof *suspects->entries);
        suspects->sorted = calloc(BATCH_ENTRIES_MAX, sizeof *suspects->sorted);
        suspects->trials = calloc(BATCH_ENTRIES_MAX, sizeof *suspects->trials);
    }
    if (suspects != NULL && suspects->survived && suspects->entries && suspects->sorted && suspects->trials &&
        keys_init(&suspects->keys, options->stream, options->shards))
        return suspects;

    suspects_free(suspects);
    error_set(error, ERROR_FATAL, "memory", "cannot get memory for the sink");
    return NULL;
}

void suspects_free(struct suspects *suspects)
{
    if (suspects == NULL)
        return;
    free(suspects->survived);
    free(suspects->entries);
    free(suspects->sorted);
    free(suspects->trials);
    keys_close(&suspects->keys);
    arena_close(&suspects->arena);
    free(suspects);
}

const struct suspects_counters *suspects_counters(const struct suspects *suspects)
{
    return &suspects->counters;
}

/* ---- who survived ------------------------------------------------------------------------------------------------ */

/* One place for each entry, and the latest has it: whoever is pushed out is tried once more than needed. */
static struct mark *place_of(const struct suspects *suspects, const struct entry *entry)
{
    uint64_t hash = (entry->id.ms * 31 + entry->id.sequence) * 1024 + entry->shard;

    return &suspects->survived[(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SUSPECTS_SURVIVED];
}

static struct mark *mark_of(const struct suspects *suspects, const struct entry *entry)
{
    struct mark *mark = place_of(suspects, entry);

    return mark->shard == entry->shard && stream_id_compare(mark->id, entry->id) == 0 ? mark : NULL;
}

static void remember(struct suspects *suspects, const struct batch *batch, bool alone)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct entry *entry = &batch->entries[i];
        const struct mark *known = mark_of(suspects, entry);

        if (entry->state != ENTRY_DELETED)
            *place_of(suspects, entry) = (struct mark){.id = entry->id,
                                                       .shard = entry->shard,
                                                       .deliveries = entry->deliveries,
                                                       .owes = alone || (known != NULL && known->owes)};
    }
}

static bool apply_some(struct suspects *suspects, const struct entry *entries, size_t count, struct error *error)
{
    const struct batch batch = {.entries = entries, .count = count};

    if (count == 0 || suspects->inner.apply(suspects->inner.self, &batch, error))
        return true;
    remember(suspects, &batch, false);
    return false;
}

/* ---- how often they were delivered ------------------------------------------------------------------------------- */

/* Rows and entries are both in the order of their IDs. */
static void take_deliveries(const struct reply *rows, struct entry *entries, size_t count)
{
    size_t at = 0;

    for (size_t i = 0; i < rows->count; i++) {
        const struct reply *row = &rows->elements[i];
        struct stream_id id;

        if (row->type != REPLY_ARRAY || row->count < ROW_PARTS || !stream_id_parse(row->elements[0].text, &id))
            continue;
        while (at < count && stream_id_compare(entries[at].id, id) < 0)
            at++;
        if (at < count && stream_id_compare(entries[at].id, id) == 0 && entries[at].deliveries == 0)
            entries[at].deliveries = (unsigned)row->elements[DELIVERIES_PLACE].integer;
    }
}

/* Of a stretch of entries of one shard, page by page. */
static bool ask_about_stretch(struct suspects *suspects, struct redis *line, struct entry *entries, size_t count,
                              struct error *error)
{
    const struct suspects_options *options = &suspects->options;
    const struct pending pending = {.redis = line,
                                    .arena = &suspects->arena,
                                    .key = group_key(options->source, entries[0].shard),
                                    .group = options->group_name};
    struct stream_id next = entries[0].id;
    struct stream_id last = entries[count - 1].id;

    for (;;) {
        struct reply rows;

        arena_reset(&suspects->arena, KEEP_BYTES);
        if (!pending_between(&pending, slice_from_text(group_consumer(options->source)), next, last, &rows, error))
            return false;
        take_deliveries(&rows, entries, count);
        if (rows.count < PENDING_PAGE_MAX || rows.elements[rows.count - 1].count == 0 ||
            !stream_id_parse(rows.elements[rows.count - 1].elements[0].text, &next))
            return true;
        next.sequence++;
    }
}

static void ask_redis(struct suspects *suspects, struct entry *entries, size_t count)
{
    struct redis *line = suspects->options.line(suspects->options.self);
    struct error ignored;

    for (size_t first = 0, end; line != NULL && first < count; first = end) {
        for (end = first + 1; end < count && entries[end].shard == entries[first].shard; end++)
            continue;
        if (!ask_about_stretch(suspects, line, entries + first, end - first, &ignored))
            return;
    }
}

static bool is_unknown(const struct entry *entry)
{
    return entry->deliveries == 0 && entry->state != ENTRY_DELETED;
}

static bool all_known(const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (is_unknown(&batch->entries[i]))
            return false;
    return true;
}

/* Into our own copies. Those that survived are not asked about again. */
static void learn_deliveries(struct suspects *suspects, const struct batch *batch)
{
    bool any_unknown = false;

    memcpy(suspects->entries, batch->entries, batch->count * sizeof *suspects->entries);
    for (size_t i = 0; i < batch->count; i++) {
        struct entry *entry = &suspects->entries[i];
        const struct mark *mark = is_unknown(entry) ? mark_of(suspects, entry) : NULL;

        if (mark != NULL)
            entry->deliveries = mark->deliveries;
        any_unknown |= is_unknown(entry) && mark == NULL;
    }
    if (any_unknown)
        ask_redis(suspects, suspects->entries, batch->count);
}

/* ---- trials ------------------------------------------------------------------------------------------------------ */

/* We live, whatever became of our trial. */
static bool pay_debts(struct suspects *suspects, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct mark *mark = mark_of(suspects, &suspects->entries[i]);

        if (mark == NULL || !mark->owes)
            continue;
        if (!suspect_trials_acquit(suspects->options.postgres, &suspects->keys, &suspects->entries[i], error))
            return false;
        mark->owes = false;
    }
    return true;
}

/* Who ends in good order before the next turn takes what it knows along; and the next one would find a trial that
 * nobody survived. A session that is gone is opened for this only at the end: else the next turn pays. */
static void pay_at_once(struct suspects *suspects, const struct entry *entry, bool is_end)
{
    struct postgres *postgres = suspects->options.postgres;
    struct error ignored;

    if ((is_end ? postgres_open(postgres, &ignored) : postgres_is_open(postgres)) &&
        suspect_trials_acquit(postgres, &suspects->keys, entry, &ignored))
        mark_of(suspects, entry)->owes = false;
}

static bool is_suspect(const struct suspects *suspects, const struct entry *entry)
{
    return suspect_rows_has_one(entry) && mark_of(suspects, entry) == NULL;
}

/* The innocent first; how many they are. */
static size_t sort_by_suspicion(struct suspects *suspects, size_t count)
{
    size_t used = 0, innocent;

    for (size_t i = 0; i < count; i++)
        if (!is_suspect(suspects, &suspects->entries[i]))
            suspects->sorted[used++] = suspects->entries[i];
    innocent = used;
    for (size_t i = 0; i < count; i++)
        if (is_suspect(suspects, &suspects->entries[i]))
            suspects->sorted[used++] = suspects->entries[i];
    return innocent;
}

/* Those among the suspects that nobody has tried yet, in stretches of at most SUSPECTS_TOGETHER. */
static bool try_together(struct suspects *suspects, const struct entry *entries, size_t count, struct error *error)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        if (!suspects->trials[i].is_written)
            suspects->entries[used++] = entries[i];
        if (used == 0 || (used < SUSPECTS_TOGETHER && i + 1 < count))
            continue;
        const struct batch batch = {.entries = suspects->entries, .count = used};
        suspects->counters.together += used;
        if (!suspect_trials_together(suspects->options.postgres, &suspects->keys, &batch, error) ||
            !apply_some(suspects, batch.entries, batch.count, error))
            return false;
        used = 0;
    }
    return true;
}

static bool try_alone(struct suspects *suspects, const struct entry *entry, const struct suspect_trials *trials,
                      struct error *error)
{
    const struct batch batch = {.entries = entry, .count = 1};

    if (trials->alone >= SUSPECTS_ALONE_MAX && !trials->may_live) {
        suspects->counters.crashing++;
        return apply_set_aside(suspects->options.apply, entry, error);
    }
    suspects->counters.alone++;
    if (!suspect_trials_alone(suspects->options.postgres, &suspects->keys, entry, error))
        return false;
    if (suspects->inner.apply(suspects->inner.self, &batch, error))
        return true;
    remember(suspects, &batch, true);
    pay_at_once(suspects, entry, error->kind == ERROR_FATAL);
    return false;
}

/* Those that were, respectively were not, tried alone before. */
static bool try_each(struct suspects *suspects, const struct entry *entries, size_t count, bool again,
                     struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct suspect_trials *trials = &suspects->trials[i];

        if (trials->is_written && (trials->alone > 0) == again && !try_alone(suspects, &entries[i], trials, error))
            return false;
    }
    return true;
}

static bool try_all(struct suspects *suspects, const struct entry *entries, size_t count, struct error *error)
{
    const struct batch batch = {.entries = entries, .count = count};

    if (count == 0)
        return true;
    memset(suspects->trials, 0, count * sizeof *suspects->trials);
    if (!suspect_trials_look(suspects->options.postgres, &suspects->keys, &batch, suspects->trials, error) ||
        !try_together(suspects, entries, count, error))
        return false;
    return try_each(suspects, entries, count, false, error) && try_each(suspects, entries, count, true, error);
}

/* ---- the sink ---------------------------------------------------------------------------------------------------- */

static bool apply(void *self, const struct batch *batch, struct error *error)
{
    struct suspects *suspects = self;

    assert(batch->count <= BATCH_ENTRIES_MAX);
    if (all_known(batch))
        return apply_some(suspects, batch->entries, batch->count, error);
    if (!postgres_open(suspects->options.postgres, error))
        return false;
    learn_deliveries(suspects, batch);
    if (!pay_debts(suspects, batch->count, error))
        return false;
    size_t innocent = sort_by_suspicion(suspects, batch->count);
    return apply_some(suspects, suspects->sorted, innocent, error) &&
           try_all(suspects, suspects->sorted + innocent, batch->count - innocent, error);
}

static bool condemn(void *self, const struct entry *entry, const struct error *why, struct error *error)
{
    struct suspects *suspects = self;
    const struct mark *mark = mark_of(suspects, entry);
    struct entry known = *entry;

    if (is_unknown(entry) && mark != NULL)
        known.deliveries = mark->deliveries;
    return suspects->inner.condemn(suspects->inner.self, &known, why, error);
}

struct sink suspects_sink(struct suspects *suspects)
{
    return (struct sink){.apply = apply, .condemn = condemn, .self = suspects};
}
