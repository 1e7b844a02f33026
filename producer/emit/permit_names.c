#include "producer/emit/permit_names.h"

#include "producer/lease/permit.h"
#include "producer/lease/terms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CURSOR_BYTES_MAX = 24 };

/* Ten million keys: some seconds of the server's time, a little at a time. */
#define ROUND_KEYS "1000"
enum { ROUNDS_MAX = 10000 };

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for the names of permits");
}

/* ---- one key ----------------------------------------------------------------------------------------------------- */

/* The name in the key of a permit, or of its waiting line: no other part of one is there without either. */
static bool name_of(struct slice key, struct slice *name)
{
    static const char *const ends[] = {"}", "}:waiting"};
    const size_t prefix = sizeof PERMIT_KEY "{" - 1;

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i]);

        if (key.size <= prefix + end || memcmp(key.data, PERMIT_KEY "{", prefix) != 0 ||
            memcmp(key.data + key.size - end, ends[i], end) != 0)
            continue;
        *name = slice_of(key.data + prefix, key.size - prefix - end);
        return name->size <= TERMS_PERMIT_BYTES_MAX && memchr(name->data, '\0', name->size) == NULL &&
               memchr(name->data, '}', name->size) == NULL;
    }
    return false;
}

static bool add(struct permit_names *names, struct slice name, struct error *error)
{
    if (names->count == 2 * (size_t)PERMIT_NAMES_MAX) {
        names->is_cut = true;
        return true;
    }
    char *copy = arena_take(&names->texts, name.size + 1);
    if (copy == NULL)
        return no_memory(error);
    memcpy(copy, name.data, name.size);
    copy[name.size] = '\0';
    names->names[names->count++] = copy;
    return true;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

/* Where to go on is then in `cursor`. */
static bool take_round(struct redis *redis, char cursor[CURSOR_BYTES_MAX], struct arena *arena,
                       struct permit_names *names, struct error *error)
{
    const struct slice words[] = {
        slice_from_text("SCAN"),  slice_from_text(cursor),
        slice_from_text("MATCH"), slice_from_text(PERMIT_KEY "{*}*"),
        slice_from_text("COUNT"), slice_from_text(ROUND_KEYS),
    };
    struct reply reply;
    struct slice key;

    arena_reset(arena, 0);
    if (!redis_call(redis, REDIS_WORDS(words), arena, &reply, error))
        return false;
    if (reply.type != REPLY_ARRAY || reply.count != 2 || reply.elements[0].type != REPLY_STRING ||
        reply.elements[1].type != REPLY_ARRAY)
        return error_set(error, ERROR_FATAL, "reply", "cannot understand the answer to SCAN");

    snprintf(cursor, CURSOR_BYTES_MAX, "%.*s", SLICE_PRINT(reply.elements[0].text));
    for (size_t i = 0; i < reply.elements[1].count; i++)
        if (name_of(reply.elements[1].elements[i].text, &key) && !add(names, key, error))
            return false;
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* SCAN may give a key twice, and a permit may have two keys. */
static void put_in_order(struct permit_names *names)
{
    size_t kept = 0;

    qsort(names->names, names->count, sizeof *names->names, compare);
    for (size_t i = 0; i < names->count; i++)
        if (kept == 0 || strcmp(names->names[kept - 1], names->names[i]) != 0)
            names->names[kept++] = names->names[i];
    names->is_cut = names->is_cut || kept > PERMIT_NAMES_MAX;
    names->count = kept < PERMIT_NAMES_MAX ? kept : PERMIT_NAMES_MAX;
}

static bool take_all(struct redis *redis, struct permit_names *names, struct error *error)
{
    char cursor[CURSOR_BYTES_MAX] = "0";
    struct arena answers = {.first = NULL};
    bool good = true;
    int rounds = 0;

    do
        good = take_round(redis, cursor, &answers, names, error);
    while (good && strcmp(cursor, "0") != 0 && ++rounds < ROUNDS_MAX);
    names->is_cut = names->is_cut || rounds == ROUNDS_MAX;
    arena_close(&answers);
    return good;
}

bool permit_names_find(struct redis *redis, struct permit_names *names, struct error *error)
{
    size_t nodes = redis_nodes(redis);
    bool good = true;

    names->names = calloc(2 * (size_t)PERMIT_NAMES_MAX, sizeof *names->names);
    if (names->names == NULL)
        return no_memory(error);
    for (size_t node = 0; good && node < nodes; node++) {
        redis_turn_to(redis, node);
        good = take_all(redis, names, error);
    }
    put_in_order(names);
    return good;
}

void permit_names_close(struct permit_names *names)
{
    free(names->names);
    arena_close(&names->texts);
    *names = (struct permit_names){.names = NULL};
}
