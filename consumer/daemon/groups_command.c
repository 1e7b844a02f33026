#include "consumer/daemon/groups_command.h"

#include "consumer/daemon/daemon.h"
#include "consumer/stream/groups_view.h"
#include "proto/nearest.h"
#include "proto/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { REPLY_STRING_MAX = 4096, ACTIVE_MS = 60 * 1000 };

/* What the script answers. */
enum dropped { DROPPED_NOT_THERE = 0, DROPPED_GONE = 1, DROPPED_REFUSED = 2 };

/* ARGV: the group, how long it must have been idle (ms), "1" to look at nothing. Between our look and this somebody may
 * have come. */
static const char script[] =
    "for _, words in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do\n"
    "  local group = {}\n"
    "  for i = 1, #words, 2 do group[words[i]] = words[i + 1] end\n"
    "  if group.name == ARGV[1] then\n"
    "    if ARGV[3] ~= '1' and group.pending > 0 then return 2 end\n"
    "    for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do\n"
    "      for i = 1, #consumer, 2 do\n"
    "        if consumer[i] == 'idle' and consumer[i + 1] < tonumber(ARGV[2]) and ARGV[3] ~= '1' then return 2 end\n"
    "      end\n"
    "    end\n"
    "    return redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])\n"
    "  end\n"
    "end\n"
    "return 0\n";

/* What is to be dropped, and what is known of it. */
struct drop {
    struct groups_view *view;
    struct redis *line;
    struct slice name;
    const char *shown; /* the name, harmless */
    bool is_ours;
    bool is_forced;
    int64_t pending;
    int64_t idle_ms;
    int64_t frees;
    unsigned streams;
};

static const struct groups_row *find(const struct groups *groups, struct slice name, size_t *place)
{
    for (*place = 0; *place < groups->count; (*place)++)
        if (slice_equal(groups->rows[*place].name, name))
            return &groups->rows[*place];
    return NULL;
}

static void sum_up(struct drop *drop)
{
    drop->idle_ms = INT64_MAX;
    for (unsigned shard = 0; shard < drop->view->keys.shards; shard++) {
        size_t place;
        const struct groups_row *row = find(&drop->view->shards[shard], drop->name, &place);

        if (row == NULL)
            continue;
        drop->streams++;
        drop->pending += row->pending;
        drop->is_ours |= row->is_ours;
        drop->frees += groups_freed_without(&drop->view->shards[shard], place);
        if (row->idle_ms >= 0 && row->idle_ms < drop->idle_ms)
            drop->idle_ms = row->idle_ms;
    }
}

/* A harmless copy that ends with NUL; "" when memory is short. */
static const char *harmless(struct slice name, struct arena *arena)
{
    struct slice shown = text_escape(name, arena);
    char *text = arena_take(arena, shown.size + 1);

    if (text == NULL || (shown.data == NULL && shown.size > 0))
        return "";
    snprintf(text, shown.size + 1, "%.*s", SLICE_PRINT(shown));
    return text;
}

static bool refuse_unknown(const struct drop *drop, struct error *error)
{
    struct nearest nearest;

    nearest_init(&nearest, drop->name);
    for (unsigned shard = 0; shard < drop->view->keys.shards; shard++)
        for (size_t i = 0; i < drop->view->shards[shard].count; i++)
            nearest_offer(&nearest, harmless(drop->view->shards[shard].rows[i].name, &drop->view->arena));
    return nearest_refuse(&nearest, "group", "; see taskledger-consumer groups", error);
}

/* Why it is better left, NULL: it may go. */
static const char *why_not(const struct drop *drop, char text[ERROR_TEXT_MAX])
{
    if (drop->is_forced)
        return NULL;
    if (drop->is_ours)
        return "it is the group of this ledger, whose consumers would make it again and read everything again";
    if (drop->pending > 0) {
        snprintf(text, ERROR_TEXT_MAX, "%" PRId64 " entries are pending with its consumers", drop->pending);
        return text;
    }
    return drop->idle_ms < ACTIVE_MS ? "it was active in the last minute" : NULL;
}

static bool destroy(const struct drop *drop, struct slice key, enum dropped *dropped, struct error *error)
{
    char active[24];
    struct reply reply;

    snprintf(active, sizeof active, "%d", ACTIVE_MS);
    const struct slice words[] = {
        slice_from_text("EVAL"),
        slice_from_text(script),
        slice_from_text("1"),
        key,
        drop->name,
        slice_from_text(active),
        slice_from_text(drop->is_forced ? "1" : "0"),
    };
    if (!redis_call(drop->line, REDIS_WORDS(words), &drop->view->arena, &reply, error))
        return false;
    *dropped = reply.type == REPLY_INTEGER ? (enum dropped)reply.integer : DROPPED_NOT_THERE;
    return true;
}

static void say_dropped(const struct drop *drop, unsigned gone)
{
    printf("dropped group \"%s\" from %u stream%s, with %" PRId64 " pending entries\n", drop->shown, gone,
           gone == 1 ? "" : "s", drop->pending);
    printf("about %" PRId64 " entries are no longer held back by it\n", drop->frees);
}

/* Whoever is there on some shards only is dropped where it is. */
static bool destroy_all(const struct drop *drop, enum exit_code *code, struct error *error)
{
    unsigned gone = 0;
    unsigned refused = 0;

    for (unsigned shard = 0; shard < drop->view->keys.shards; shard++) {
        enum dropped dropped = DROPPED_NOT_THERE;
        size_t ignored;

        if (find(&drop->view->shards[shard], drop->name, &ignored) == NULL)
            continue;
        if (!destroy(drop, keys_of(&drop->view->keys, shard), &dropped, error))
            return error_wrap(error, "after %u of %u streams", gone, drop->streams);
        gone += dropped == DROPPED_GONE;
        refused += dropped == DROPPED_REFUSED;
    }

    *code = refused == 0 ? EXIT_OK : EXIT_INCOMPLETE;
    if (gone > 0)
        say_dropped(drop, gone);
    if (refused > 0)
        fprintf(stderr, "taskledger-consumer: left on %u of %u streams, where it has just become active\n", refused,
                drop->streams);
    return true;
}

static bool drop_group(struct drop *drop, enum exit_code *code, struct error *error)
{
    char text[ERROR_TEXT_MAX];

    drop->shown = harmless(drop->name, &drop->view->arena);
    sum_up(drop);
    if (drop->streams == 0)
        return refuse_unknown(drop, error);

    const char *reason = why_not(drop, text);
    if (reason == NULL)
        return destroy_all(drop, code, error);
    fprintf(stderr, "taskledger-consumer: cannot drop group \"%s\": %s; --force drops it all the same\n", drop->shown,
            reason);
    *code = EXIT_FINDINGS;
    return true;
}

static bool list(struct groups_view *view, const struct configuration *configuration, struct error *error)
{
    if (strcmp(configuration->format, "json") == 0)
        return groups_view_print_json(view, stdout, error);
    groups_view_print_table(view, stdout);
    return true;
}

static bool look_and_act(const struct configuration *configuration, struct groups_view *view, struct redis *line,
                         enum exit_code *code, struct error *error)
{
    struct drop drop = {.view = view, .line = line, .is_forced = configuration->force};

    if (!redis_connect(line, error) || !groups_view_look(view, line, configuration->group, error))
        return false;
    if (configuration->words[0] == NULL)
        return list(view, configuration, error);
    drop.name = slice_from_text(configuration->words[1]);
    return drop_group(&drop, code, error);
}

static bool check_words(const struct configuration *configuration, struct error *error)
{
    char *const *words = configuration->words;

    if (words[0] == NULL)
        return !configuration->force ||
               error_set(error, ERROR_FATAL, "usage", "cannot list groups with --force: that is a flag of groups drop");
    if (strcmp(words[0], "drop") != 0 || words[1] == NULL || words[2] != NULL)
        return error_set(error, ERROR_FATAL, "usage",
                         "expected \"groups\" or \"groups drop NAME\", found \"groups %s%s\"", words[0],
                         words[1] == NULL ? "" : " ...");
    return true;
}

bool groups_command_run(const struct configuration *configuration, enum exit_code *code, struct error *error)
{
    struct redis_options options = daemon_redis_options(configuration);
    struct groups_view view;

    if (!check_words(configuration, error) ||
        !groups_view_init(&view, configuration->stream, (unsigned)configuration->shards, error))
        return false;

    options.reply_string_max = REPLY_STRING_MAX;
    *code = EXIT_OK;
    struct redis *line = redis_new(&options, error);
    bool good = line != NULL && look_and_act(configuration, &view, line, code, error);
    redis_free(line);
    groups_view_close(&view);
    return good;
}
