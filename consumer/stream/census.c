#include "consumer/stream/census.h"

#include "consumer/stream/group.h"
#include "proto/text.h"

#include <stdio.h>
#include <string.h>

enum { KEEP_BYTES = 256 * 1024, RAW_NAME_MAX = 200, MS_PER_S = 1000 };

/* The row of that name, made if there is room; NULL if not. */
static struct census_row *row_of(struct census *census, const char *name)
{
    for (size_t i = 0; i < census->count; i++)
        if (strcmp(census->rows[i].name, name) == 0)
            return &census->rows[i];

    census->groups++;
    if (census->count == CENSUS_ROWS_MAX)
        return NULL;
    struct census_row *row = &census->rows[census->count++];
    snprintf(row->name, sizeof row->name, "%s", name);
    return row;
}

/* Cut twice: as it is, so that no character is cut in two by the second one where names are sane, and as it is
 * shown. */
static void show_name(struct slice raw, struct arena *arena, char name[CENSUS_NAME_MAX])
{
    struct slice kept = slice_of(raw.data, raw.size < RAW_NAME_MAX ? raw.size : RAW_NAME_MAX);
    struct slice shown = text_escape(kept, arena);

    snprintf(name, CENSUS_NAME_MAX, "%.*s", SLICE_PRINT(shown));
}

void census_add(struct census *census, const struct groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        const struct groups_row *found = &groups->rows[i];
        char name[CENSUS_NAME_MAX];

        show_name(found->name, census->arena, name);
        struct census_row *row = row_of(census, name);
        if (row == NULL)
            continue;
        int64_t oldest_s = found->oldest_ms < 0 ? 0 : found->oldest_ms / MS_PER_S;
        row->unsettled += found->lag + found->pending;
        row->pending += found->pending;
        row->oldest_s = oldest_s > row->oldest_s ? oldest_s : row->oldest_s;
        row->holds_back += found->holds_back;
    }
    census->groups += (int64_t)groups->unseen;
}

bool census_take(struct census *census, struct redis *line, const struct group *source, unsigned shards,
                 const char *own, struct error *error)
{
    struct census taken = {.arena = census->arena};

    for (unsigned shard = 0; shard < shards; shard++) {
        struct groups groups;

        arena_reset(taken.arena, KEEP_BYTES);
        if (!groups_look(&groups, line, taken.arena, group_key(source, shard), own, error))
            return false;
        census_add(&taken, &groups);
    }
    *census = taken;
    return true;
}

const struct census_row *census_blocker(const struct census *census, int64_t retain_ms)
{
    int64_t allowed_ms = retain_ms + CENSUS_PATIENCE_MS;
    int64_t allowed_s = (allowed_ms < CENSUS_LATE_MS ? allowed_ms : CENSUS_LATE_MS) / MS_PER_S;
    const struct census_row *blocker = NULL;

    for (size_t i = 0; i < census->count; i++) {
        const struct census_row *row = &census->rows[i];

        if (row->oldest_s > allowed_s && (blocker == NULL || row->oldest_s > blocker->oldest_s))
            blocker = row;
    }
    return blocker;
}
