#include "consumer/doctor/doctor_redis.h"

#include "consumer/daemon/daemon.h"

#include <string.h>

enum { WORDS_MAX = 16 };

/* ---- asking ------------------------------------------------------------------------------------------------------ */

bool doctor_redis_ask(struct doctor_redis *redis, const char *question, const char *key)
{
    struct slice words[WORDS_MAX + 1];
    size_t count = 0;

    for (const char *word = question; *word != '\0' && count < WORDS_MAX; word += strspn(word, " ")) {
        size_t length = strcspn(word, " ");
        words[count++] = slice_of(word, length);
        word += length;
    }
    if (key != NULL)
        words[count++] = slice_from_text(key);

    bool answered = redis_call(redis->line, words, count, &redis->arena, &redis->answer, &redis->why);
    if (!answered)
        doctor_report_unknown(&redis->finding, question, &redis->why);
    return answered;
}

bool doctor_redis_is_local(const struct doctor_redis *redis)
{
    const struct redis_url *url = &redis->url;
    const char *host = url->seed_count > 0       ? url->seeds[0].host
                       : url->sentinel_count > 0 ? url->sentinels[0].host
                                                 : url->node.host;

    return redis->url.path[0] != '\0' || strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

/* ---- one check --------------------------------------------------------------------------------------------------- */

/* False when the server went away. */
static bool run_check(struct doctor_redis *redis, const struct doctor_check *check)
{
    redis->finding = (struct doctor_finding){.verdict = DOCTOR_OK};
    if (check->question == NULL || doctor_redis_ask(redis, check->question, NULL))
        check->judge(redis);
    doctor_report_tell(redis->report, check->name, &redis->finding, check->cure);
    arena_reset(&redis->arena, 0);
    return redis_is_connected(redis->line);
}

static bool run_checks(struct doctor_redis *redis, const struct doctor_check *checks)
{
    for (; checks->name != NULL; checks++)
        if (!run_check(redis, checks))
            return false;
    return true;
}

/* ---- reaching it ------------------------------------------------------------------------------------------------- */

static const struct {
    const char *reason;
    const char *cure;
} doors[] = {
    {"connection", "start Redis there, or set REDIS_URL to where it is"},
    {"timeout", "start Redis there, or set REDIS_URL to where it is"},
    {"noauth", "put user and password into REDIS_URL: redis://USER:PASSWORD@HOST"},
    {"wrongpass", "put the right user and password into REDIS_URL, or: redis-cli ACL SETUSER USER '>PASSWORD'"},
    {"nopassword", "take the password out of REDIS_URL, or give the server one: deploy/redis/users.acl"},
    {"noperm", "redis-cli ACL SETUSER USER +select +ping; in a cluster also '+cluster|slots' +asking"},
    {"denied", "give the server a password, or bind it to this machine: deploy/redis/users.acl"},
    {"tls", "set TASKLEDGER_REDIS_CA_FILE to who signed its certificate, or mend that certificate"},
    {"db", "set the db in REDIS_URL to one that the server has: redis://HOST/0"},
    {"service", "put the name that the sentinels know into REDIS_URL: redis-cli -p 26379 SENTINEL MASTERS"},
    {"notmaster", "wait for the failover to end; if it does not: redis-cli -p 26379 SENTINEL CKQUORUM NAME"},
    {"maxclients", "redis-cli CONFIG SET maxclients 10000; redis-cli CONFIG REWRITE"},
};

static const char *cure_of(const struct error *why)
{
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
        if (strcmp(doors[i].reason, why->reason) == 0)
            return doors[i].cure;
    return "mend what it says";
}

static void tell_away(struct doctor_redis *redis, const struct error *why)
{
    doctor_report_set(&redis->finding, DOCTOR_WRONG, "%s", why->text);
    doctor_report_tell(redis->report, "redis.reachable", &redis->finding, cure_of(why));
    redis->report->missed[DOCTOR_REDIS] = true;
}

static void tell_node(struct doctor_redis *redis, size_t node)
{
    char place[REDIS_URL_PLACE_MAX];

    redis_describe_node(redis->line, node, place, sizeof place);
    redis->finding = (struct doctor_finding){.verdict = DOCTOR_OK};
    doctor_report_set(&redis->finding, DOCTOR_OK, "%s", place);
    doctor_report_tell(redis->report, "redis.node", &redis->finding, "");
}

/* Each server has settings of its own. */
static bool check_settings(struct doctor_redis *redis)
{
    size_t nodes = redis_nodes(redis->line);
    bool there = true;

    for (size_t node = 0; there && node < nodes; node++) {
        redis_turn_to(redis->line, node);
        if (nodes > 1)
            tell_node(redis, node);
        there = run_checks(redis, doctor_settings_checks);
    }
    redis_turn_to(redis->line, 0);
    return there;
}

static void examine(struct doctor_redis *redis)
{
    struct error why = {.kind = ERROR_NONE};

    if (!redis_connect(redis->line, &why)) {
        tell_away(redis, &why);
        return;
    }
    doctor_report_set(&redis->finding, DOCTOR_OK, "%s", redis_address(redis->line));
    doctor_report_tell(redis->report, "redis.reachable", &redis->finding, "");
    if (!check_settings(redis) || !run_checks(redis, doctor_stream_checks) || !run_checks(redis, doctor_rights_checks))
        tell_away(redis, &redis->why);
}

bool doctor_redis_examine(const struct configuration *configuration, struct doctor_report *report, struct error *error)
{
    const struct redis_options options = daemon_redis_options(configuration);
    struct doctor_redis redis = {.configuration = configuration, .report = report, .answer = {.type = REPLY_NIL}};

    redis.line = redis_new(&options, error);
    if (redis.line == NULL)
        return false;
    bool good = redis_url_parse(configuration->redis_url, &redis.url, error);
    if (good)
        examine(&redis);
    redis_free(redis.line);
    arena_close(&redis.arena);
    return good;
}
