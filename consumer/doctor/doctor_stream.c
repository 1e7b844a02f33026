/* What is in this Redis under our keys. */
#include "consumer/doctor/doctor_redis.h"

#include "consumer/doctor/doctor_cluster.h"
#include "consumer/stream/info.h"
#include "consumer/upkeep/strays.h"
#include "proto/redis_error.h"
#include "proto/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BOOKS = 2 };

static const char *const books[BOOKS] = {STREAM_ARCHIVED_KEY, STREAM_SHARDS_KEY};
static const char *const book_types[BOOKS] = {"hash", "string"};

static unsigned shards_of(const struct doctor_redis *redis)
{
    return (unsigned)redis->configuration->shards;
}

static void key_of(const struct doctor_redis *redis, unsigned shard, char key[STREAM_KEY_BYTES_MAX])
{
    stream_key(redis->configuration->stream, shards_of(redis), shard, key);
}

/* ---- types ------------------------------------------------------------------------------------------------------- */

/* False when there is something to tell. */
static bool is_of_type(struct doctor_redis *redis, const char *key, const char *expected)
{
    if (!doctor_redis_ask(redis, "TYPE", key))
        return false;
    struct slice type = redis->answer.text;
    if (slice_equal(type, slice_from_text("none")) || slice_equal(type, slice_from_text(expected)))
        return true;

    doctor_report_set(&redis->finding, DOCTOR_WRONG, "\"%s\" is a %.*s, not a %s", key, SLICE_PRINT(type), expected);
    snprintf(redis->finding.subject, sizeof redis->finding.subject, "%s", key);
    return false;
}

static void judge_streams(struct doctor_redis *redis)
{
    char key[STREAM_KEY_BYTES_MAX];

    for (unsigned shard = 0; shard < shards_of(redis); shard++) {
        key_of(redis, shard, key);
        if (!is_of_type(redis, key, "stream"))
            return;
    }
    doctor_report_set(&redis->finding, DOCTOR_OK, "%s", redis->configuration->stream);
}

static void judge_books(struct doctor_redis *redis)
{
    for (int i = 0; i < BOOKS; i++)
        if (!is_of_type(redis, books[i], book_types[i]))
            return;
    doctor_report_set(&redis->finding, DOCTOR_OK, "%s, %s", books[0], books[1]);
}

/* ---- shards ------------------------------------------------------------------------------------------------------ */

static void judge_shards(struct doctor_redis *redis)
{
    const struct reply *answer = &redis->answer;
    char ours[16];

    snprintf(ours, sizeof ours, "%u", shards_of(redis));
    if (answer->type != REPLY_STRING) {
        doctor_report_set(&redis->finding, DOCTOR_OK, "%s here, and none in force yet", ours);
    } else if (slice_equal(answer->text, slice_from_text(ours))) {
        doctor_report_set(&redis->finding, DOCTOR_OK, "%s", ours);
    } else {
        doctor_report_set(&redis->finding, DOCTOR_WRONG, "%s here, %.*s are in force", ours, SLICE_PRINT(answer->text));
        snprintf(redis->finding.subject, sizeof redis->finding.subject, "%.*s", SLICE_PRINT(answer->text));
    }
}

/* What is found in keys that are in force would be taken for strays by who has the number wrong. */
static bool is_in_force(struct doctor_redis *redis)
{
    const struct reply *answer = &redis->answer;
    char ours[16];

    if (strcmp(redis->configuration->stream, STREAM_DEFAULT) != 0)
        return true;
    snprintf(ours, sizeof ours, "%u", shards_of(redis));
    if (!doctor_redis_ask(redis, "GET " STREAM_SHARDS_KEY, NULL))
        return false;
    if (answer->type != REPLY_STRING || slice_equal(answer->text, slice_from_text(ours)))
        return true;
    doctor_report_set(&redis->finding, DOCTOR_NOTE, "not looked for: %s shards are not in force", ours);
    return false;
}

static void tell_strays(struct doctor_redis *redis, const struct strays_found *found)
{
    if (found->unsettled > 0)
        doctor_report_set(&redis->finding, DOCTOR_WRONG,
                          "%" PRId64
                          " unsettled entries in keys of another number of shards, \"%s\" first: nobody reads "
                          "them",
                          found->unsettled, found->key);
    else if (found->busy > 0)
        doctor_report_set(&redis->finding, DOCTOR_NOTE, "%" PRId64 " keys of another number of shards are being read",
                          found->busy);
    else if (found->settled > 0)
        doctor_report_set(&redis->finding, DOCTOR_NOTE,
                          "%" PRId64
                          " settled entries in keys of another number of shards, \"%s\" first: they go by age, "
                          "and an old key may be deleted",
                          found->settled, found->key);
    else
        doctor_report_set(&redis->finding, DOCTOR_OK, "none");
    snprintf(redis->finding.subject, sizeof redis->finding.subject, "%s", found->key);
}

static void judge_strays(struct doctor_redis *redis)
{
    const struct strays strays = {
        .stream = redis->configuration->stream, .group = redis->configuration->group, .shards = shards_of(redis)};
    struct strays_found found = {0};
    char key[STREAM_KEY_BYTES_MAX];

    if (!is_in_force(redis))
        return;
    for (unsigned place = 0; place < STRAYS_KEYS; place++)
        if (strays_key(&strays, place, key) &&
            !strays_weigh(&strays, key, redis->line, &redis->arena, &found, &redis->why) &&
            !redis_is_connected(redis->line)) {
            doctor_report_unknown(&redis->finding, "look for them", &redis->why);
            return;
        }
    tell_strays(redis, &found);
}

/* A node sends whoever asks for another one's key away. */
static bool is_elsewhere(struct doctor_redis *redis, const char *key)
{
    return !doctor_redis_ask(redis, "TYPE", key) &&
           (redis_error_is(&redis->why, "moved") || redis_error_is(&redis->why, "clusterdown"));
}

static void judge_cluster(struct doctor_redis *redis)
{
    static const char on[] = "cluster_enabled:1";
    struct slice info = redis->answer.text;
    char key[STREAM_KEY_BYTES_MAX];
    unsigned elsewhere = 0;

    if (redis->url.seed_count > 0) {
        doctor_cluster_judge(redis);
        return;
    }
    if (info.size == 0 || memmem(info.data, info.size, on, sizeof on - 1) == NULL) {
        doctor_report_set(&redis->finding, DOCTOR_OK, "off");
        return;
    }
    for (unsigned shard = 0; shard < shards_of(redis); shard++) {
        key_of(redis, shard, key);
        elsewhere += is_elsewhere(redis, key);
    }
    for (int i = 0; i < BOOKS; i++)
        elsewhere += is_elsewhere(redis, books[i]);
    doctor_report_set(&redis->finding, elsewhere > 0 ? DOCTOR_WRONG : DOCTOR_OK,
                      "on, and %u of %u keys are on other nodes than this", elsewhere, shards_of(redis) + BOOKS);
    snprintf(redis->finding.subject, sizeof redis->finding.subject,
             "set REDIS_URL to redis+cluster:// and nodes of this cluster, for producers and consumers");
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static bool lists_group(const struct reply *groups, const char *group)
{
    for (size_t i = 0; groups->type == REPLY_ARRAY && i < groups->count; i++) {
        struct slice name;

        if (info_text(&groups->elements[i], "name", &name) && slice_equal(name, slice_from_text(group)))
            return true;
    }
    return false;
}

/* False when that is not known. */
static bool has_group(struct doctor_redis *redis, const char *key, bool *exists, bool *has)
{
    if (!doctor_redis_ask(redis, "EXISTS", key))
        return false;
    *exists = redis->answer.type == REPLY_INTEGER && redis->answer.integer == 1;
    *has = false;
    if (!*exists)
        return true;
    if (!doctor_redis_ask(redis, "XINFO GROUPS", key))
        return false;
    *has = lists_group(&redis->answer, redis->configuration->group);
    return true;
}

static void judge_group(struct doctor_redis *redis)
{
    char key[STREAM_KEY_BYTES_MAX];
    unsigned missing = 0;
    unsigned lacking = 0;

    for (unsigned shard = 0; shard < shards_of(redis); shard++) {
        bool exists;
        bool has;

        key_of(redis, shard, key);
        if (!has_group(redis, key, &exists, &has))
            return;
        missing += !exists;
        lacking += exists && !has;
    }
    if (missing + lacking == 0)
        doctor_report_set(&redis->finding, DOCTOR_OK, "%s", redis->configuration->group);
    else
        doctor_report_set(
            &redis->finding, DOCTOR_NOTE,
            "of %u stream(s), %u not there yet and %u without the group %s: a consumer makes them at its start",
            shards_of(redis), missing, lacking, redis->configuration->group);
}

/* clang-format off */
const struct doctor_check doctor_stream_checks[] = {
    {"redis.cluster", "INFO cluster", judge_cluster, "{}"},
    {"redis.stream", NULL, judge_streams,
     "redis-cli RENAME {} {}.old (or set TASKLEDGER_STREAM to another name)"},
    {"redis.books", NULL, judge_books,
     "redis-cli RENAME {} {}.old"},
    {"redis.shards", "GET " STREAM_SHARDS_KEY, judge_shards,
     "set TASKLEDGER_SHARDS={} for all producers and consumers"},
    {"redis.strays", NULL, judge_strays,
     "stop who still produces there; redis-cli RENAME {} {}:old; taskledger-consumer --stream {}:old --shards 1 --listen "
     "127.0.0.1:0, until taskledger-consumer groups --stream {}:old --shards 1 shows nothing unsettled; redis-cli DEL {}:old"},
    {"redis.group", NULL, judge_group, ""},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
