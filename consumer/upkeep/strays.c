#include "consumer/upkeep/strays.h"

#include "consumer/upkeep/groups.h"

#include <stdio.h>

enum { KEEP_BYTES = 64 * 1024 };

void strays_init(struct strays *strays)
{
    arena_init(&strays->arena, 0);
}

void strays_close(struct strays *strays)
{
    arena_close(&strays->arena);
}

void strays_rest(struct strays *strays)
{
    strays->next = 0;
    strays->is_known = false;
    strays->pass = strays->found = (struct strays_found){0};
}

/* First that of one shard, which has a name of its own, then those of many. */
bool strays_key(const struct strays *strays, unsigned place, char key[STREAM_KEY_BYTES_MAX])
{
    unsigned in_force = strays->shards == 1 ? 0 : strays->shards;

    if (place == 0) {
        stream_key(strays->stream, 1, 0, key);
        return strays->shards > 1;
    }
    stream_key(strays->stream, STREAM_SHARDS_MAX, place - 1, key);
    return place - 1 >= in_force;
}

static bool is_busy(const struct groups *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        if (groups->rows[i].idle_ms >= 0 && groups->rows[i].idle_ms < STRAYS_ACTIVE_MS)
            return true;
    return false;
}

/* All of it when our group is not there. */
static int64_t unsettled_of(const struct groups *groups)
{
    int64_t most = 0;
    bool ours = false;

    for (size_t i = 0; i < groups->count; i++) {
        int64_t unsettled = groups->rows[i].pending + groups->rows[i].lag;

        ours |= groups->rows[i].is_ours;
        most = unsettled > most ? unsettled : most;
    }
    return ours && most < groups->length ? most : groups->length;
}

bool strays_weigh(const struct strays *strays, const char *key, struct redis *line, struct arena *arena,
                  struct strays_found *found, struct error *error)
{
    struct groups groups;

    if (!groups_look(&groups, line, arena, key, strays->group, error))
        return false;
    if (is_busy(&groups)) {
        found->busy++;
        return true;
    }

    int64_t unsettled = unsettled_of(&groups);
    if (found->key[0] == '\0' ? groups.length > 0 : unsettled > 0 && found->unsettled == 0)
        snprintf(found->key, sizeof found->key, "%s", key);
    found->unsettled += unsettled;
    found->settled += groups.length - unsettled;
    return true;
}

/* A key that is no stream, or another node's, says nothing about the others: only a line that is gone ends the page. */
static bool look_at(struct strays *strays, const char *key, struct trim *trim, struct redis *line, struct error *error)
{
    struct error why;
    int64_t settled = strays->pass.settled;

    arena_reset(&strays->arena, KEEP_BYTES);
    if (strays_weigh(strays, key, line, &strays->arena, &strays->pass, &why) &&
        (trim == NULL || strays->pass.settled == settled || trim_stray(trim, line, key, &why)))
        return true;
    if (redis_is_connected(line))
        return true;
    *error = why;
    return false;
}

/* What is found is told at once, that it is gone when all was seen. */
static void note_page(struct strays *strays)
{
    bool whole = strays->next == STRAYS_KEYS;

    if (whole || strays->pass.unsettled > strays->found.unsettled) {
        strays->found = strays->pass;
        strays->is_known = true;
    }
    if (whole) {
        strays->next = 0;
        strays->pass = (struct strays_found){0};
    }
}

/* ---- a page ------------------------------------------------------------------------------------------------------ */

struct page {
    unsigned places[STRAYS_PAGE];
    unsigned count;
};

static bool ask_if_exists(struct redis *line, const char *key, struct error *error)
{
    const struct slice words[] = {slice_from_text("EXISTS"), slice_from_text(key)};

    return redis_append(line, REDIS_WORDS(words), error);
}

/* All in one go: hardly ever is one of them there. */
static bool ask_page(const struct strays *strays, unsigned *next, struct page *page, struct redis *line,
                     struct error *error)
{
    char key[STREAM_KEY_BYTES_MAX];

    for (; page->count < STRAYS_PAGE && *next < STRAYS_KEYS; ++*next) {
        if (!strays_key(strays, *next, key))
            continue;
        if (!ask_if_exists(line, key, error))
            return false;
        page->places[page->count++] = *next;
    }
    return redis_send(line, error);
}

/* Keeps those that are there. */
static bool hear_page(struct strays *strays, struct page *page, struct redis *line, struct error *error)
{
    unsigned asked = page->count;

    page->count = 0;
    for (unsigned i = 0; i < asked; i++) {
        struct reply reply;
        struct error why;

        arena_reset(&strays->arena, KEEP_BYTES);
        if (redis_receive(line, &strays->arena, 0, &reply, &why)) {
            if (reply.type == REPLY_INTEGER && reply.integer == 1)
                page->places[page->count++] = page->places[i];
        } else if (!redis_is_connected(line)) {
            *error = why;
            return false;
        }
    }
    return true;
}

bool strays_round(struct strays *strays, struct trim *trim, struct redis *line, struct error *error)
{
    struct page page = {.count = 0};
    unsigned next = strays->next;
    char key[STREAM_KEY_BYTES_MAX];

    if (!ask_page(strays, &next, &page, line, error) || !hear_page(strays, &page, line, error))
        return false;
    if (trim != NULL)
        trim_begin_strays(trim);
    for (unsigned i = 0; i < page.count; i++) {
        strays_key(strays, page.places[i], key);
        if (!look_at(strays, key, trim, line, error))
            return false;
    }
    strays->next = next;
    note_page(strays);
    return true;
}
