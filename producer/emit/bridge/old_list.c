#include "producer/emit/bridge/old_list.h"

#include "proto/decimal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES_MAX = 1024 * 1024 };

/* LTRIM that trims nothing: a script that has written may go on although memory is full. What follows takes no more
 * than it gives back, or little; and a list that nobody may take from would stay full. */

/* KEYS: LIST, taken, rejected, and the one to forward to, if any.
 * ARGV: how many to hand out, at most so many of them to take over at once, how many bytes of them, how many of one
 * item, and where to take from. */
static const char take_script[] =
    "local from, into = ARGV[5], ARGV[5] == 'RIGHT' and 'LPUSH' or 'RPUSH'\n"
    "local most, held = tonumber(ARGV[2]), redis.call('LLEN', KEYS[2])\n"
    "local moved, rejected, wrong = 0, 0, nil\n"
    "if held < most then redis.call('LTRIM', KEYS[2], 0, -1) end\n"
    "while moved < (KEYS[4] and most or most - held) do\n"
    "    local item = redis.pcall('LMOVE', KEYS[1], KEYS[2], from, 'LEFT')\n"
    "    if not item then break end\n"
    "    if type(item) == 'table' then wrong = item break end\n"
    "    local sent = KEYS[4] and redis.pcall(into, KEYS[4], item)\n"
    "    if type(sent) == 'table' then\n"
    "        redis.call('LMOVE', KEYS[2], KEYS[1], 'LEFT', from)\n"
    "        wrong = sent break\n"
    "    end\n"
    "    moved = moved + 1\n"
    "end\n"
    "if wrong and moved + held == 0 then return wrong end\n"
    "local found, bytes = {}, 0\n"
    "while #found < tonumber(ARGV[1]) and bytes < tonumber(ARGV[3]) do\n"
    "    local item = redis.call('LINDEX', KEYS[2], -1 - #found)\n"
    "    if not item then break end\n"
    "    if #item > tonumber(ARGV[4]) then\n"
    "        redis.call('LTRIM', KEYS[2], 0, -1)\n"
    "        redis.call('LPUSH', KEYS[3], item)\n"
    "        redis.call('LREM', KEYS[2], -1, item)\n"
    "        rejected = rejected + 1\n"
    "    else\n"
    "        found[#found + 1], bytes = item, bytes + #item\n"
    "    end\n"
    "end\n"
    "return {moved, rejected, redis.call('LLEN', KEYS[2]), redis.call('LLEN', KEYS[1]), found}\n";

/* KEYS: taken, rejected. ARGV: the item. Where it is not any more somebody else has seen to it. */
static const char reject_script[] = "redis.call('LTRIM', KEYS[1], 0, -1)\n"
                                    "redis.call('LPUSH', KEYS[2], ARGV[1])\n"
                                    "if redis.call('LREM', KEYS[1], -1, ARGV[1]) == 0 then\n"
                                    "    redis.call('LREM', KEYS[2], 1, ARGV[1])\n"
                                    "end\n"
                                    "return 1\n";

/* KEYS: LIST, the one to forward to. ARGV: how many, where to take from, where to put. */
static const char pass_script[] = "local moved = 0\n"
                                  "redis.call('LTRIM', KEYS[2], 0, -1)\n"
                                  "while moved < tonumber(ARGV[1]) do\n"
                                  "    if not redis.call('LMOVE', KEYS[1], KEYS[2], ARGV[2], ARGV[3]) then break end\n"
                                  "    moved = moved + 1\n"
                                  "end\n"
                                  "return moved\n";

/* ---- open and close ---------------------------------------------------------------------------------------------- */

static char *key_beside(const char *list, const char *name)
{
    static const char between[] = ":taskledger-bridge:";
    size_t size = strlen(list) + sizeof between + strlen(name);
    char *key = malloc(size);

    if (key != NULL)
        snprintf(key, size, "%s%s%s", list, between, name);
    return key;
}

/* Whatever is forwarded to one of these would come back, or stay for ever. */
static bool check_names(const struct old_list *list, struct error *error)
{
    const char *forward = list->forward;

    if (strcmp(list->taken, list->rejected) == 0)
        return error_set(error, ERROR_FATAL, "usage",
                         "--instance: \"rejected\" is the name of the list for what "
                         "cannot be understood");
    if (forward != NULL &&
        (strcmp(forward, list->list) == 0 || strcmp(forward, list->taken) == 0 || strcmp(forward, list->rejected) == 0))
        return error_set(error, ERROR_FATAL, "usage", "--forward: expected another list, found \"%s\"", forward);
    return true;
}

static bool copy_names(struct old_list *list, const struct old_list_options *options, struct error *error)
{
    list->list = strdup(options->list);
    list->taken = key_beside(options->list, options->instance);
    list->rejected = key_beside(options->list, "rejected");
    list->forward = options->forward == NULL ? NULL : strdup(options->forward);
    if (list->list == NULL || list->taken == NULL || list->rejected == NULL ||
        (list->forward == NULL && options->forward != NULL))
        return error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for the names of lists");
    return true;
}

bool old_list_open(struct old_list *list, const struct old_list_options *options, struct error *error)
{
    struct old_list opened = {.takes_left = options->takes_left};
    struct redis_options redis = options->redis;

    redis.reply_string_max = OLD_LIST_ITEM_BYTES_MAX;
    if (!copy_names(&opened, options, error) || !check_names(&opened, error)) {
        old_list_close(&opened);
        return false;
    }
    opened.redis = redis_new(&redis, error);
    if (opened.redis == NULL) {
        old_list_close(&opened);
        return false;
    }
    *list = opened;
    return true;
}

void old_list_close(struct old_list *list)
{
    redis_free(list->redis);
    free(list->list);
    free(list->taken);
    free(list->rejected);
    free(list->forward);
    *list = (struct old_list){.redis = NULL};
}

/* ---- take -------------------------------------------------------------------------------------------------------- */

static struct slice number(size_t value, char text[DECIMAL_BYTES_MAX])
{
    return slice_of(text, decimal_write(value, text));
}

static const char *from_end(const struct old_list *list)
{
    return list->takes_left ? "LEFT" : "RIGHT";
}

static bool protocol(const struct old_list *list, struct error *error)
{
    return error_set(error, ERROR_TRANSIENT, "protocol", "%s: an answer that is none to the question",
                     redis_address(list->redis));
}

static bool read_items(const struct old_list *list, const struct reply *reply, struct old_list_items *items,
                       struct error *error)
{
    if (reply->type != REPLY_ARRAY || reply->count > OLD_LIST_TAKE_MAX)
        return protocol(list, error);
    for (size_t i = 0; i < reply->count; i++) {
        const struct reply *item = &reply->elements[i];

        if (item->type != REPLY_STRING || item->text.size != item->text_bytes)
            return protocol(list, error);
        items->items[i] = item->text;
    }
    items->count = reply->count;
    return true;
}

static bool read_taken(const struct old_list *list, const struct reply *reply, struct old_list_items *items,
                       struct error *error)
{
    uint64_t *const counts[] = {&items->moved, &items->rejected, &items->unsettled, &items->left};
    enum { COUNTS = sizeof counts / sizeof *counts };

    if (reply->type != REPLY_ARRAY || reply->count != COUNTS + 1)
        return protocol(list, error);
    for (size_t i = 0; i < COUNTS; i++) {
        if (reply->elements[i].type != REPLY_INTEGER || reply->elements[i].integer < 0)
            return protocol(list, error);
        *counts[i] = (uint64_t)reply->elements[i].integer;
    }
    return read_items(list, &reply->elements[COUNTS], items, error);
}

bool old_list_take(struct old_list *list, size_t count, struct arena *arena, struct old_list_items *items,
                   struct error *error)
{
    char count_text[DECIMAL_BYTES_MAX], most_text[DECIMAL_BYTES_MAX], bytes_text[DECIMAL_BYTES_MAX];
    char item_text[DECIMAL_BYTES_MAX];
    struct old_list_items taken = {.count = 0};
    struct slice words[12];
    struct reply reply;
    size_t used = 0;

    words[used++] = slice_from_text("EVAL");
    words[used++] = slice_from_text(take_script);
    words[used++] = slice_from_text(list->forward == NULL ? "3" : "4");
    words[used++] = slice_from_text(list->list);
    words[used++] = slice_from_text(list->taken);
    words[used++] = slice_from_text(list->rejected);
    if (list->forward != NULL)
        words[used++] = slice_from_text(list->forward);
    words[used++] = number(count, count_text);
    words[used++] = number(OLD_LIST_TAKE_MAX, most_text);
    words[used++] = number(OLD_LIST_TAKE_BYTES, bytes_text);
    words[used++] = number(OLD_LIST_ITEM_BYTES_MAX, item_text);
    words[used++] = slice_from_text(from_end(list));

    if (!redis_connect(list->redis, error) || !redis_call(list->redis, words, used, arena, &reply, error) ||
        !read_taken(list, &reply, &taken, error))
        return false;
    *items = taken;
    return true;
}

/* ---- settle ------------------------------------------------------------------------------------------------------ */

static bool append_removal(struct old_list *list, struct slice item, bool is_rejected, struct error *error)
{
    const struct slice remove[] = {slice_from_text("LREM"), slice_from_text(list->taken), slice_from_text("-1"), item};
    const struct slice reject[] = {
        slice_from_text("EVAL"),      slice_from_text(reject_script),  slice_from_text("2"),
        slice_from_text(list->taken), slice_from_text(list->rejected), item,
    };

    return is_rejected ? redis_append(list->redis, REDIS_WORDS(reject), error)
                       : redis_append(list->redis, REDIS_WORDS(remove), error);
}

bool old_list_settle(struct old_list *list, const struct old_list_items *items, const bool *is_rejected, size_t count,
                     struct error *error)
{
    struct arena arena;
    struct reply reply;
    bool done = redis_connect(list->redis, error);

    arena_init(&arena, ARENA_BYTES_MAX);
    for (size_t i = 0; done && i < count; i++)
        done = append_removal(list, items->items[i], is_rejected[i], error);
    done = done && redis_send(list->redis, error);
    for (size_t i = 0; done && i < count; i++)
        done = redis_receive(list->redis, &arena, 0, &reply, error);

    /* Answers that are still to come are nobody's any more. */
    if (!done)
        redis_disconnect(list->redis);
    arena_close(&arena);
    return done;
}

bool old_list_pass(struct old_list *list, uint64_t *moved, struct error *error)
{
    char most_text[DECIMAL_BYTES_MAX];
    const struct slice words[] = {
        slice_from_text("EVAL"),
        slice_from_text(pass_script),
        slice_from_text("2"),
        slice_from_text(list->list),
        slice_from_text(list->forward),
        number(OLD_LIST_TAKE_MAX, most_text),
        slice_from_text(from_end(list)),
        slice_from_text(list->takes_left ? "RIGHT" : "LEFT"),
    };
    struct arena arena;
    struct reply reply;

    arena_init(&arena, ARENA_BYTES_MAX);
    bool done = redis_connect(list->redis, error) &&
                redis_call(list->redis, REDIS_WORDS(words), &arena, &reply, error) &&
                (reply.type == REPLY_INTEGER || protocol(list, error));
    if (done)
        *moved = (uint64_t)reply.integer;
    arena_close(&arena);
    return done;
}

/* ---- wait -------------------------------------------------------------------------------------------------------- */

/* An item that is moved from an end of a list to the same end of it stays where it is. */
bool old_list_wait(struct old_list *list, struct error *error)
{
    const struct slice words[] = {
        slice_from_text("BLMOVE"),       slice_from_text(list->list),     slice_from_text(list->list),
        slice_from_text(from_end(list)), slice_from_text(from_end(list)), slice_from_text("1"),
    };
    struct arena arena;
    struct reply reply;

    arena_init(&arena, 2 * OLD_LIST_ITEM_BYTES_MAX);
    bool done = redis_connect(list->redis, error) && redis_append(list->redis, REDIS_WORDS(words), error) &&
                redis_send(list->redis, error) && redis_receive(list->redis, &arena, OLD_LIST_WAIT_MS, &reply, error);
    arena_close(&arena);
    return done;
}
