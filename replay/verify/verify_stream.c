/* verify: what is settled in Redis, against the ledger. */
#include "replay/verify/verify.h"

#include "consumer/ledger/columns.h"
#include "proto/digester.h"
#include "proto/event.h"
#include "replay/verify/stream_pages.h"

#include <inttypes.h>
#include <stdlib.h>

enum { PENDING_PAGE = 1000, PENDING_MAX = 100000, PENDING_ANSWER_BYTES_MAX = 8 * 1024 * 1024 };

/* What was settled is either stored with these bytes or set aside with them. */
static const struct postgres_statement missing_statement = {
    "replay_missing", "SELECT i FROM unnest($1::uuid[], $2::int8[], $3::bytea[]) WITH ORDINALITY AS asked "
                      "(producer_id, sequence, digest, i)"
                      " WHERE NOT EXISTS (SELECT FROM taskledger.task_event e WHERE e.producer_id = asked.producer_id"
                      "   AND e.sequence = asked.sequence AND sha256(e.payload) = asked.digest)"
                      " AND NOT EXISTS (SELECT FROM taskledger.rejected_event r WHERE r.digest = asked.digest)"
                      " AND NOT EXISTS (SELECT FROM taskledger.redaction d WHERE d.producer_id = asked.producer_id"
                      "   AND d.sequence = asked.sequence AND d.digest = asked.digest)"
                      " AND NOT EXISTS (SELECT FROM taskledger.producer p WHERE p.producer_id = asked.producer_id"
                      "   AND p.pruned_at IS NOT NULL)"};

/* One shard as it was before the snapshot: entries up to `delivered` that are not among `pending` are settled. */
struct shard {
    char key[STREAM_KEY_BYTES_MAX];
    struct stream_position position;
    struct stream_id last;
    struct stream_id *pending; /* owned; ascending */
    size_t pending_count;
    bool is_whole; /* else there are more pending than PENDING_MAX */
};

struct check {
    struct verify *verify;
    struct shard *shards; /* owned */
    unsigned count;
    struct stream_pages *pages; /* owned */
    struct columns asked;
    const struct entry *entries[STREAM_PAGES_ENTRIES]; /* those asked about */
    struct uuid producers[STREAM_PAGES_ENTRIES];
    uint64_t sequences[STREAM_PAGES_ENTRIES]; /* 0: not known */
    size_t asked_count;
    struct digester *digester;
    struct binary hashed;
};

/* ---- what is settled -------------------------------------------------------------------------------------------- */

/* Rows of [id, consumer, idle, deliveries], ascending. */
static bool read_pending(struct shard *shard, const struct reply *reply, struct error *error)
{
    for (size_t i = 0; i < reply->count; i++) {
        const struct reply *row = &reply->elements[i];

        if (row->type != REPLY_ARRAY || row->count == 0 || row->elements[0].type != REPLY_STRING ||
            !stream_id_parse(row->elements[0].text, &shard->pending[shard->pending_count]))
            return error_set(error, ERROR_TRANSIENT, "protocol", "could not understand the answer to XPENDING");
        shard->pending_count++;
    }
    return true;
}

static bool ask_pending(struct check *check, struct shard *shard, struct stream_id from, size_t *count,
                        struct error *error)
{
    char start[STREAM_ID_BYTES_MAX], end[STREAM_ID_BYTES_MAX];
    struct arena arena;
    struct reply reply;

    stream_id_format(from, start);
    stream_id_format(shard->position.delivered, end);
    const struct slice words[] = {
        slice_from_text("XPENDING"), slice_from_text(shard->key), slice_from_text(check->verify->settings->group),
        slice_from_text(start),      slice_from_text(end),        slice_from_text("1000")};
    arena_init(&arena, PENDING_ANSWER_BYTES_MAX);
    bool good = redis_call(check->verify->redis, REDIS_WORDS(words), &arena, &reply, error) &&
                read_pending(shard, &reply, error);
    if (good)
        *count = reply.count;
    arena_close(&arena);
    return good;
}

static bool read_all_pending(struct check *check, struct shard *shard, struct error *error)
{
    struct stream_id from = shard->position.first_pending;
    size_t count = PENDING_PAGE;

    shard->is_whole = true;
    if (shard->position.pending == 0)
        return true;
    shard->pending = calloc(PENDING_MAX + PENDING_PAGE, sizeof *shard->pending);
    if (shard->pending == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot look at the stream: out of memory");
    while (count == PENDING_PAGE && shard->is_whole) {
        if (!ask_pending(check, shard, from, &count, error))
            return false;
        if (count > 0)
            from = stream_pages_behind(shard->pending[shard->pending_count - 1]);
        shard->is_whole = shard->pending_count <= PENDING_MAX;
    }
    return true;
}

static void note_waiting(struct check *check, const struct shard *shard)
{
    const struct finding finding = {.kind = VERDICT_WAITING, .stream = slice_from_text(shard->key)};
    bool is_behind = !shard->position.has_group || stream_id_compare(shard->position.delivered, shard->last) < 0;

    if (shard->position.pending > 0)
        verify_report_add(&check->verify->report, &finding, "%" PRIu64 " %s with a consumer", shard->position.pending,
                          shard->position.pending == 1 ? "entry is" : "entries are");
    if (is_behind && (shard->last.ms > 0 || shard->last.sequence > 0))
        verify_report_add(&check->verify->report, &finding, "there are entries that no consumer was given");
}

static bool look_at_shard(struct check *check, unsigned which, struct error *error)
{
    struct shard *shard = &check->shards[which];

    stream_key(check->verify->settings->stream, check->count, which, shard->key);
    if (!stream_pages_position(check->verify->redis, shard->key, check->verify->settings->group, &shard->position,
                               error) ||
        !stream_pages_last(check->verify->redis, shard->key, &shard->last, error) ||
        !read_all_pending(check, shard, error))
        return false;
    note_waiting(check, shard);
    return true;
}

static int compare_ids(const void *left, const void *right)
{
    const struct stream_id *a = left, *b = right;

    return stream_id_compare(*a, *b);
}

static bool is_pending(const struct shard *shard, const struct entry *entry)
{
    return shard->pending_count > 0 &&
           bsearch(&entry->id, shard->pending, shard->pending_count, sizeof entry->id, compare_ids) != NULL;
}

/* ---- what of it is held ----------------------------------------------------------------------------------------- */

/* What the ledger would call this entry if it had set it aside: see rejected_event in deploy/schema/001_ledger.sql. */
static struct digest digest_of(struct check *check, const struct shard *shard, const struct entry *entry)
{
    char id[STREAM_ID_BYTES_MAX];

    if (entry->state == ENTRY_WHOLE && entry->payload.size == entry->payload_bytes)
        return digester_hash(check->digester, entry->payload);

    stream_id_format(entry->id, id);
    binary_reset(&check->hashed);
    binary_append(&check->hashed, entry->payload.data, entry->payload.size);
    binary_append_int32(&check->hashed, (int32_t)((uint64_t)entry->payload_bytes >> 32));
    binary_append_int32(&check->hashed, (int32_t)((uint64_t)entry->payload_bytes & UINT32_MAX));
    if (entry->state == ENTRY_MALFORMED) {
        binary_append(&check->hashed, shard->key, strlen(shard->key));
        binary_append(&check->hashed, id, strlen(id));
    }
    return digester_hash(check->digester, binary_slice(&check->hashed));
}

static void ask_about(struct check *check, const struct shard *shard, const struct entry *entry)
{
    struct error why = {.kind = ERROR_NONE};
    struct digest digest = digest_of(check, shard, entry);
    struct event event = {.sequence = 0};
    bool has_identity = false;
    size_t i = check->asked_count++;

    if (entry->state == ENTRY_WHOLE)
        event_decode(entry->payload, &event, &has_identity, &why);
    check->entries[i] = entry;
    check->producers[i] = event.producer_id;
    check->sequences[i] = has_identity ? event.sequence : 0;
    if (has_identity) {
        binary_uuid(columns_next(&check->asked), &event.producer_id);
        binary_int64(columns_next(&check->asked), binary_clamp(event.sequence));
    } else {
        binary_null(columns_next(&check->asked));
        binary_null(columns_next(&check->asked));
    }
    binary_bytes(columns_next(&check->asked), digest_slice(&digest));
}

static void tell_missing(struct check *check, const struct shard *shard, size_t i)
{
    char id[STREAM_ID_BYTES_MAX];
    struct finding finding = {
        .kind = VERDICT_UNARCHIVED,
        .has_producer = check->sequences[i] != 0,
        .producer_id = check->producers[i],
        .first = check->sequences[i],
        .last = check->sequences[i],
        .stream = slice_from_text(shard->key),
    };

    stream_id_format(check->entries[i]->id, id);
    finding.stream_id = slice_from_text(id);
    verify_report_add(&check->verify->report, &finding,
                      "settled in the stream; the ledger has neither stored these bytes nor set them aside");
}

static bool ask_ledger(struct check *check, const struct shard *shard, struct error *error)
{
    struct postgres_parameter parameters[COLUMNS_MAX];
    AUTO_POSTGRES_RESULT result = NULL;
    struct slice value;

    if (check->asked_count == 0)
        return true;
    if (!columns_finish(&check->asked, parameters, error) ||
        !postgres_query(check->verify->ledger.main, &missing_statement, parameters, check->asked.count, &result, error))
        return false;
    for (size_t row = 0; row < postgres_rows(result); row++)
        if (postgres_value(result, row, 0, &value))
            tell_missing(check, shard, (size_t)postgres_read_int64(value) - 1);
    return true;
}

static bool check_page(struct check *check, const struct shard *shard, struct error *error)
{
    check->asked_count = 0;
    columns_reset(&check->asked);
    for (size_t i = 0; i < check->pages->count; i++)
        if (!is_pending(shard, &check->pages->entries[i]))
            ask_about(check, shard, &check->pages->entries[i]);
    check->verify->totals.entries += check->asked_count;
    verify_tell(check->verify, "stream", check->verify->totals.entries, 0);
    return ask_ledger(check, shard, error);
}

static bool check_shard(struct check *check, const struct shard *shard, struct error *error)
{
    struct stream_pages *pages = check->pages;

    if (!shard->position.has_group)
        return true;
    pages->key = shard->key;
    pages->next = (struct stream_id){.ms = 0};
    /* Behind the last pending entry that we know of it cannot be told what is settled. */
    pages->end = shard->is_whole ? shard->position.delivered : shard->pending[shard->pending_count - 1];
    pages->ended = false;
    while (!pages->ended)
        if (!stream_pages_next(pages, error) || !check_page(check, shard, error))
            return false;
    return true;
}

/* ---- the check -------------------------------------------------------------------------------------------------- */

/* First the streams, then the snapshot: what was settled then was committed before. */
static bool check_all(struct check *check, struct error *error)
{
    for (unsigned i = 0; i < check->count; i++)
        if (!look_at_shard(check, i, error))
            return false;
    if (!ledger_begin(&check->verify->ledger, error))
        return false;
    for (unsigned i = 0; i < check->count; i++)
        if (!check_shard(check, &check->shards[i], error))
            return false;
    return true;
}

static bool allocate(struct check *check, struct error *error)
{
    static const enum columns_type types[] = {COLUMNS_UUID, COLUMNS_INT8, COLUMNS_BYTEA, 0};

    check->count = (unsigned)check->verify->settings->shards;
    check->shards = calloc(check->count, sizeof *check->shards);
    check->pages = calloc(1, sizeof *check->pages);
    check->digester = digester_new();
    columns_init(&check->asked, &missing_statement, types);
    if (check->shards == NULL || check->pages == NULL || check->digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot look at the stream: out of memory");
    check->pages->redis = check->verify->redis;
    return true;
}

static bool is_whole(const struct check *check)
{
    for (unsigned i = 0; i < check->count; i++)
        if (!check->shards[i].is_whole)
            return false;
    return true;
}

static void release(struct check *check)
{
    for (unsigned i = 0; check->shards != NULL && i < check->count; i++)
        free(check->shards[i].pending);
    free(check->shards);
    if (check->pages != NULL)
        stream_pages_close(check->pages);
    free(check->pages);
    columns_close(&check->asked);
    digester_free(check->digester);
    binary_close(&check->hashed);
}

bool verify_stream(struct verify *verify, struct error *error)
{
    struct check check = {.verify = verify};
    struct verify_coverage coverage = {.check = "stream", .detail = "settled entries that are in the ledger"};

    bool good = allocate(&check, error) && check_all(&check, error);
    if (good) {
        coverage.state = is_whole(&check) ? VERIFY_CHECKED : VERIFY_PARTLY;
        coverage.items = verify->totals.entries;
        verify_report_cover(&verify->report, coverage);
    }
    release(&check);
    return good;
}
