/* What we may do in this Redis.
 *
 * Every command that a consumer ever sends is queued in a transaction which is then discarded: whether a user may do
 * something is decided when it is queued, and what is discarded was never done. */
#include "consumer/doctor/doctor_redis.h"

#include "proto/redis_error.h"
#include "proto/stream.h"

#include <stdio.h>
#include <string.h>

enum { PROBE_WORDS_MAX = 10, RIGHTS_BYTES_MAX = 440 };

struct probe {
    const char *right;                  /* as ACL SETUSER takes it, without the plus */
    const char *words[PROBE_WORDS_MAX]; /* key: the stream's */
};

static const char key[] = "KEY";

/* clang-format off */
static const struct probe probes[] = {
    {"ping",               {"PING"}},
    {"info",               {"INFO", "memory"}},
    {"time",               {"TIME"}},
    {"client|setname",     {"CLIENT", "SETNAME", "doctor"}},
    {"exists",             {"EXISTS", key}},
    {"type",               {"TYPE", key}},
    {"get",                {"GET", STREAM_SHARDS_KEY}},
    {"setnx",              {"SETNX", STREAM_SHARDS_KEY, "1"}},
    {"hset",               {"HSET", STREAM_ARCHIVED_KEY, "doctor", "0"}},
    {"hmget",              {"HMGET", STREAM_ARCHIVED_KEY, "doctor"}},
    {"hscan",              {"HSCAN", STREAM_ARCHIVED_KEY, "0"}},
    {"hdel",               {"HDEL", STREAM_ARCHIVED_KEY, "doctor"}},
    {"eval",               {"EVAL", "return 0", "1", key}},
    {"xreadgroup",         {"XREADGROUP", "GROUP", "doctor", "doctor", "STREAMS", key, ">"}},
    {"xack",               {"XACK", key, "doctor", "0-1"}},
    {"xrange",             {"XRANGE", key, "-", "+"}},
    {"xrevrange",          {"XREVRANGE", key, "+", "-", "COUNT", "1"}},
    {"xlen",               {"XLEN", key}},
    {"memory|usage",       {"MEMORY", "USAGE", key}},
    {"xpending",           {"XPENDING", key, "doctor"}},
    {"xclaim",             {"XCLAIM", key, "doctor", "doctor", "0", "0-1"}},
    {"xautoclaim",         {"XAUTOCLAIM", key, "doctor", "doctor", "0", "0-1"}},
    {"xtrim",              {"XTRIM", key, "MINID", "0-1"}},
    {"xinfo|stream",       {"XINFO", "STREAM", key}},
    {"xinfo|groups",       {"XINFO", "GROUPS", key}},
    {"xinfo|consumers",    {"XINFO", "CONSUMERS", key, "doctor"}},
    {"xgroup|create",      {"XGROUP", "CREATE", key, "doctor", "0", "MKSTREAM"}},
    {"xgroup|setid",       {"XGROUP", "SETID", key, "doctor", "0"}},
    {"xgroup|delconsumer", {"XGROUP", "DELCONSUMER", key, "doctor", "doctor"}},
    {"xgroup|destroy",     {"XGROUP", "DESTROY", key, "doctor"}},
};
/* clang-format on */

enum { PROBES = sizeof probes / sizeof *probes };

struct rights {
    char commands[RIGHTS_BYTES_MAX]; /* "+xack +hset", those that are missing */
    char keys[RIGHTS_BYTES_MAX];     /* "~taskledger:archived" */
};

static void add(char *list, size_t size, const char *mark, const char *word)
{
    size_t used = strlen(list);

    if (strstr(list, word) == NULL)
        snprintf(list + used, size - used, "%s%s%s", used == 0 ? "" : " ", mark, word);
}

static const char *key_in(const struct probe *probe, const char *stream)
{
    for (size_t i = 0; i < PROBE_WORDS_MAX && probe->words[i] != NULL; i++) {
        if (probe->words[i] == key)
            return stream;
        if (strncmp(probe->words[i], "taskledger:", 11) == 0)
            return probe->words[i];
    }
    return stream;
}

/* What Redis says of a key differs from what it says of a command, and so does the cure. */
static void note(struct rights *rights, const struct probe *probe, const char *stream, const struct error *why)
{
    bool about_key = redis_error_is(why, "noperm") && strstr(why->text, "keys") != NULL;

    if (about_key)
        add(rights->keys, sizeof rights->keys, "~", key_in(probe, stream));
    else if (redis_error_is(why, "noperm") || redis_error_is(why, "unknown"))
        add(rights->commands, sizeof rights->commands, "+", probe->right);
}

/* False when the line is gone: it does not stay with a server that refuses all writes. */
static bool try(struct doctor_redis *redis, const struct probe *probe, struct rights *rights)
{
    char stream[STREAM_KEY_BYTES_MAX];
    struct slice words[PROBE_WORDS_MAX];
    struct error why = {.kind = ERROR_NONE};
    struct reply reply;
    size_t count = 0;

    stream_key(redis->configuration->stream, (unsigned)redis->configuration->shards, 0, stream);
    for (; count < PROBE_WORDS_MAX && probe->words[count] != NULL; count++)
        words[count] = slice_from_text(probe->words[count] == key ? stream : probe->words[count]);
    if (redis_call(redis->line, words, count, &redis->arena, &reply, &why))
        return true;
    note(rights, probe, stream, &why);
    if (redis_is_connected(redis->line))
        return true;
    doctor_report_unknown(&redis->finding, "try it", &why);
    return false;
}

/* Whose rights, as far as that can be known. */
static void name_user(struct doctor_redis *redis, char user[REDIS_URL_SECRET_MAX])
{
    const struct reply *who = &redis->answer;

    snprintf(user, REDIS_URL_SECRET_MAX, "%s", redis->url.user[0] == '\0' ? "default" : redis->url.user);
    if (doctor_redis_ask(redis, "ACL WHOAMI", NULL) && who->type == REPLY_STRING)
        snprintf(user, REDIS_URL_SECRET_MAX, "%.*s", SLICE_PRINT(who->text));
}

static void tell(struct doctor_redis *redis, const struct rights *rights)
{
    const char *between = rights->commands[0] != '\0' && rights->keys[0] != '\0' ? " " : "";
    char user[REDIS_URL_SECRET_MAX];

    if (rights->commands[0] == '\0' && rights->keys[0] == '\0') {
        doctor_report_set(&redis->finding, DOCTOR_OK, "all %d commands", PROBES);
        return;
    }
    name_user(redis, user);
    doctor_report_set(&redis->finding, DOCTOR_WRONG, "missing: %s%s%s", rights->commands, between, rights->keys);
    snprintf(redis->finding.subject, sizeof redis->finding.subject, "%.128s %s%s%s", user, rights->commands, between,
             rights->keys);
}

/* Of what is queued here a cluster's line would follow what belongs to another node, and have it done there. */
static bool can_try(const struct doctor_redis *redis)
{
    return redis->url.seed_count == 0;
}

static void judge_rights(struct doctor_redis *redis)
{
    struct rights rights = {.commands = ""};
    bool tried = can_try(redis);

    if (!tried)
        doctor_report_set(&redis->finding, DOCTOR_NOTE, "not tried in a cluster");
    for (size_t i = 0; tried && i < PROBES; i++)
        tried = try(redis, &probes[i], &rights);
    if (tried && doctor_redis_ask(redis, "DISCARD", NULL))
        tell(redis, &rights);
    redis_disconnect(redis->line); /* which discards it, in any case */
    redis_connect(redis->line, &redis->why);
}

/* clang-format off */
const struct doctor_check doctor_rights_checks[] = {
    {"redis.rights", "MULTI", judge_rights,
     "redis-cli ACL SETUSER {}; redis-cli ACL SAVE (deploy/redis/users.acl has them all)"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
