#include "consumer/recovery/forget.h"

#include "proto/stream.h"

#include <arpa/inet.h>

enum { WORDS_BEFORE_FIELDS = 2 };

#define OLD "producer_id < taskledger.first_uuid(now() - interval '9 days')"
#define DUE                                                \
    "coalesce((archived_sequence >= last_sequence OR " OLD \
    ") AND folded_at < now() - interval '24 hours', false) AS due"

/* The server's clock decides, not the producer's, which says when it closed. */
static const struct postgres_statement candidates = {
    .name = "forget_candidates",
    .sql = "SELECT producer_id, due FROM ("
           "  (SELECT producer_id, " DUE " FROM taskledger.producer"
           "   WHERE closed_at IS NOT NULL AND watermark_removed_at IS NULL AND producer_id > $1::uuid"
           "   ORDER BY producer_id LIMIT $2::int)"
           " UNION ALL"
           "  (SELECT producer_id, " DUE " FROM taskledger.producer"
           "   WHERE closed_at IS NULL AND watermark_removed_at IS NULL AND producer_id > $1::uuid AND " OLD
           "   ORDER BY producer_id LIMIT $2::int)"
           " ) AS candidate ORDER BY producer_id LIMIT $2::int",
};

/* Locked in the order that all keep. */
static const struct postgres_statement note = {
    .name = "forget_note",
    .sql = "WITH removed AS ("
           "  SELECT producer_id FROM taskledger.producer WHERE producer_id = ANY ($1::uuid[])"
           "  ORDER BY producer_id FOR UPDATE"
           ") UPDATE taskledger.producer AS p SET watermark_removed_at = now()"
           " FROM removed WHERE p.producer_id = removed.producer_id",
};

void forget_init(struct forget *forget, struct postgres *postgres)
{
    static const enum columns_type types[] = {COLUMNS_UUID, 0};

    *forget = (struct forget){.postgres = postgres};
    columns_init(&forget->removed, &note, types);
}

void forget_close(struct forget *forget)
{
    columns_close(&forget->removed);
}

static bool find(struct forget *forget, struct postgres_result **rows, struct error *error)
{
    uint32_t limit = htonl(FORGET_PAGE_MAX);
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(&forget->after, sizeof forget->after)},
        {.value = slice_of(&limit, sizeof limit)},
    };

    return postgres_query(forget->postgres, &candidates, parameters, 2, rows, error);
}

/* The producers of the page whose time has come: their fields as words, and as rows of the note. */
static size_t choose(struct forget *forget, const struct postgres_result *rows, char (*texts)[UUID_HEX_BYTES],
                     struct slice *words)
{
    size_t count = 0;

    columns_reset(&forget->removed);
    for (size_t i = 0; i < postgres_rows(rows); i++) {
        struct slice producer;
        struct slice due;

        if (!postgres_value(rows, i, 0, &producer) || !postgres_value(rows, i, 1, &due))
            continue;
        forget->after = postgres_read_uuid(producer);
        if (!postgres_read_boolean(due))
            continue;
        binary_uuid(columns_next(&forget->removed), &forget->after);
        uuid_format_hex(&forget->after, texts[count]);
        words[count] = slice_from_text(texts[count]);
        count++;
    }
    return count;
}

bool forget_page(struct forget *forget, struct redis *line, struct arena *arena, bool *more, struct error *error)
{
    AUTO_POSTGRES_RESULT rows = NULL;
    char texts[FORGET_PAGE_MAX][UUID_HEX_BYTES];
    struct slice words[WORDS_BEFORE_FIELDS + FORGET_PAGE_MAX] = {
        slice_from_text("HDEL"),
        slice_from_text(STREAM_ARCHIVED_KEY),
    };
    struct reply reply;

    if (!find(forget, &rows, error))
        return false;
    size_t count = choose(forget, rows, texts, words + WORDS_BEFORE_FIELDS);
    bool is_full = postgres_rows(rows) == FORGET_PAGE_MAX;
    if (!is_full)
        forget->after = (struct uuid){{0}};
    if (count > 0 && (!redis_call(line, words, WORDS_BEFORE_FIELDS + count, arena, &reply, error) ||
                      !columns_send(&forget->removed, forget->postgres, error)))
        return false;

    forget->fields += count;
    *more = is_full;
    return true;
}
