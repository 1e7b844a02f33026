/* How this Redis is set, and how it is. */
#include "consumer/doctor/doctor_redis.h"

#include "proto/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSION_MIN = 602, /* major and minor: 6.2 */
    VERSION_GOOD = 700,
    FULL_PERCENT = 90,
    TIGHT_PERCENT = 75,
    TIMEOUT_SHORT_S = 60,
    OUTPUT_BUFFER_MIN = 64 * 1024 * 1024, /* a batch may be as large before COUNT adapts */
    NUMBER_DIGITS_MAX = 20,
};

#define CLOCK_APART_US INT64_C(1000000)

static void unknown(struct doctor_redis *redis, const char *why)
{
    doctor_report_set(&redis->finding, DOCTOR_NOTE, "not known: %s", why);
}

/* ---- what INFO and CONFIG GET answer ----------------------------------------------------------------------------- */

/* The value of a line "name:value"; empty when there is none. */
static struct slice line_of(const struct doctor_redis *redis, const char *name)
{
    const struct reply *info = &redis->answer;
    const char *at = info->type == REPLY_STRING ? (const char *)info->text.data : NULL;
    const char *end = at == NULL ? NULL : at + info->text.size;
    size_t size = strlen(name);

    while (at != NULL && at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((feed == NULL ? end : feed) - at);

        if (length > size && memcmp(at, name, size) == 0 && at[size] == ':') {
            length -= at[length - 1] == '\r';
            return slice_of(at + size + 1, length - size - 1);
        }
        at = feed == NULL ? NULL : feed + 1;
    }
    return slice_of(NULL, 0);
}

static bool is(struct slice text, const char *word)
{
    return slice_equal(text, slice_from_text(word));
}

/* -1 for what is no number. */
static int64_t number_in(struct slice text)
{
    char digits[NUMBER_DIGITS_MAX + 1];

    if (text.size == 0 || text.size > NUMBER_DIGITS_MAX)
        return -1;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    return strspn(digits, "0123456789") == text.size ? strtoll(digits, NULL, 10) : -1;
}

static int64_t number_of(const struct doctor_redis *redis, const char *name)
{
    return number_in(line_of(redis, name));
}

/* CONFIG GET answers a name and its value; nothing when the server does not know the name. */
static bool setting_of(struct doctor_redis *redis, struct slice *value)
{
    const struct reply *answer = &redis->answer;

    if (answer->type == REPLY_ARRAY && answer->count == 2 && answer->elements[1].type == REPLY_STRING) {
        *value = answer->elements[1].text;
        return true;
    }
    unknown(redis, "the server does not have this setting");
    return false;
}

/* ---- the server -------------------------------------------------------------------------------------------------- */

static void judge_version(struct doctor_redis *redis)
{
    struct slice version = line_of(redis, "redis_version");
    const char *dot = version.size == 0 ? NULL : memchr(version.data, '.', version.size);

    if (dot == NULL) {
        unknown(redis, "the server does not tell its version");
        return;
    }

    int number = atoi((const char *)version.data) * 100 + atoi(dot + 1);
    if (number < VERSION_MIN)
        doctor_report_set(&redis->finding, DOCTOR_WRONG, "%.*s is too old", SLICE_PRINT(version));
    else if (number < VERSION_GOOD)
        doctor_report_set(&redis->finding, DOCTOR_NOTE,
                          "%.*s works; from 7.0 on lag and lost entries are known more exactly", SLICE_PRINT(version));
    else
        doctor_report_set(&redis->finding, DOCTOR_OK, "%.*s", SLICE_PRINT(version));
}

static void judge_role(struct doctor_redis *redis)
{
    struct slice host = line_of(redis, "master_host");
    struct slice port = line_of(redis, "master_port");

    if (!is(line_of(redis, "role"), "slave")) {
        doctor_report_set(&redis->finding, DOCTOR_OK, "master");
        return;
    }
    doctor_report_set(&redis->finding, DOCTOR_WRONG, "this is a replica, and takes no events");
    snprintf(redis->finding.subject, sizeof redis->finding.subject, "redis://%.*s:%.*s", SLICE_PRINT(host),
             SLICE_PRINT(port));
}

/* Redis keeps a list of commands that are refused while too few replicas are there. */
static void judge_replicas(struct doctor_redis *redis)
{
    struct slice value;

    if (!setting_of(redis, &value))
        return;
    int64_t wanted = number_in(value);
    if (!doctor_redis_ask(redis, "INFO replication", NULL))
        return;
    int64_t good = number_of(redis, "min_slaves_good_slaves");
    int64_t there = number_of(redis, "connected_slaves");

    if (wanted > 0 && good >= 0 && good < wanted)
        doctor_report_set(&redis->finding, DOCTOR_WRONG,
                          "writes are refused: %" PRId64 " of %" PRId64 " replicas keep up", good, wanted);
    else if (wanted == 0 && there > 0)
        doctor_report_set(&redis->finding, DOCTOR_NOTE,
                          "%" PRId64 " replicas, and a master cut off from them goes on taking what a failover loses: "
                          "consider CONFIG SET min-replicas-to-write 1",
                          there);
    else
        doctor_report_set(&redis->finding, DOCTOR_OK, "%" PRId64 ", min-replicas-to-write %" PRId64, there, wanted);
}

static void judge_clients(struct doctor_redis *redis)
{
    int64_t there = number_of(redis, "connected_clients");
    int64_t most = number_of(redis, "maxclients");

    if (there < 0 || most <= 0) {
        unknown(redis, "the server does not tell its maxclients");
        return;
    }
    doctor_report_set(&redis->finding, there * 100 >= most * FULL_PERCENT ? DOCTOR_WRONG : DOCTOR_OK,
                      "%" PRId64 " of %" PRId64 " clients", there, most);
}

static void judge_clock(struct doctor_redis *redis)
{
    const struct clock *clock = clock_system();
    const struct reply *answer = &redis->answer;

    if (answer->type != REPLY_ARRAY || answer->count != 2) {
        unknown(redis, "the server does not tell the time");
        return;
    }
    int64_t theirs_us = number_in(answer->elements[0].text) * 1000000 + number_in(answer->elements[1].text);
    int64_t ahead_us = theirs_us - clock->unix_us(clock->self);

    doctor_report_set(&redis->finding, llabs(ahead_us) > CLOCK_APART_US ? DOCTOR_WRONG : DOCTOR_OK,
                      "%.1f s %s this machine's", (double)llabs(ahead_us) / 1e6, ahead_us < 0 ? "behind" : "ahead of");
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void judge_policy(struct doctor_redis *redis)
{
    struct slice policy = line_of(redis, "maxmemory_policy");

    if (is(policy, "noeviction"))
        doctor_report_set(&redis->finding, DOCTOR_OK, "noeviction");
    else if (number_of(redis, "maxmemory") == 0)
        doctor_report_set(&redis->finding, DOCTOR_NOTE, "%.*s, which would evict the stream if there were a maxmemory",
                          SLICE_PRINT(policy));
    else
        doctor_report_set(&redis->finding, DOCTOR_WRONG, "%.*s: an evicted stream is a lost stream",
                          SLICE_PRINT(policy));
}

static void judge_memory(struct doctor_redis *redis)
{
    int64_t used = number_of(redis, "used_memory");
    int64_t most = number_of(redis, "maxmemory");

    if (most <= 0) {
        doctor_report_set(&redis->finding, DOCTOR_NOTE,
                          "%" PRId64 " MiB and no maxmemory: a stream that grows is ended by the kernel", used >> 20);
        return;
    }
    enum doctor_verdict verdict = used * 100 >= most * FULL_PERCENT    ? DOCTOR_WRONG
                                  : used * 100 >= most * TIGHT_PERCENT ? DOCTOR_NOTE
                                                                       : DOCTOR_OK;
    doctor_report_set(&redis->finding, verdict, "%" PRId64 " of %" PRId64 " MiB", used >> 20, most >> 20);
    snprintf(redis->finding.subject, sizeof redis->finding.subject, "%" PRId64, 2 * most);
}

static void judge_evicted(struct doctor_redis *redis)
{
    int64_t evicted = number_of(redis, "evicted_keys");

    if (evicted > 0)
        doctor_report_set(&redis->finding, DOCTOR_NOTE,
                          "%" PRId64 " keys since the server started: taskledger-replay verify tells what is missing",
                          evicted);
    else
        doctor_report_set(&redis->finding, DOCTOR_OK, "none");
}

/* ---- persistence ------------------------------------------------------------------------------------------------- */

static void judge_aof(struct doctor_redis *redis)
{
    bool on = number_of(redis, "aof_enabled") == 1;

    doctor_report_set(&redis->finding, on ? DOCTOR_OK : DOCTOR_WRONG,
                      on ? "on" : "off: a restart of Redis forgets the stream, or all since the last snapshot");
}

static void judge_fsync(struct doctor_redis *redis)
{
    struct slice value;

    if (!setting_of(redis, &value))
        return;
    doctor_report_set(&redis->finding, is(value, "no") ? DOCTOR_WRONG : DOCTOR_OK, "appendfsync %.*s",
                      SLICE_PRINT(value));
}

static void judge_writing(struct doctor_redis *redis)
{
    static const char *const lines[] = {"aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"};

    doctor_report_set(&redis->finding, DOCTOR_OK, "the disk took what was written");
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (is(line_of(redis, lines[i]), "err"))
            doctor_report_set(&redis->finding, DOCTOR_WRONG, "%s is err: Redis refuses writes, or soon will", lines[i]);
}

/* ---- what would cut us off --------------------------------------------------------------------------------------- */

static void judge_timeout(struct doctor_redis *redis)
{
    struct slice value;

    if (!setting_of(redis, &value))
        return;
    int64_t timeout_s = number_in(value);

    if (timeout_s == 0)
        doctor_report_set(&redis->finding, DOCTOR_OK, "idle clients are kept");
    else
        doctor_report_set(&redis->finding, timeout_s < TIMEOUT_SHORT_S ? DOCTOR_WRONG : DOCTOR_NOTE,
                          "idle clients are cut off after %" PRId64 " s", timeout_s);
}

/* "normal 0 0 0 slave 268435456 67108864 60 pubsub ...": hard limit, soft limit, and for how long. */
static void judge_output(struct doctor_redis *redis)
{
    static const char normal[] = "normal ";
    struct slice value;

    if (!setting_of(redis, &value))
        return;
    const char *at = memmem(value.data, value.size, normal, sizeof normal - 1);
    int64_t hard = at == NULL ? 0 : strtoll(at + sizeof normal - 1, NULL, 10);

    if (hard > 0 && hard < OUTPUT_BUFFER_MIN)
        doctor_report_set(&redis->finding, DOCTOR_WRONG,
                          "clients are cut off that are owed %" PRId64 " bytes: a batch is more", hard);
    else
        doctor_report_set(&redis->finding, DOCTOR_OK, hard > 0 ? "wide enough" : "not limited");
}

/* ---- on the way -------------------------------------------------------------------------------------------------- */

static void judge_secrecy(struct doctor_redis *redis)
{
    if (redis->url.tls)
        doctor_report_set(&redis->finding, DOCTOR_OK, "TLS");
    else if (doctor_redis_is_local(redis))
        doctor_report_set(&redis->finding, DOCTOR_OK, "on this machine");
    else
        doctor_report_set(&redis->finding, DOCTOR_NOTE,
                          "no TLS: passwords and events can be read on the way; rediss:// encrypts them");
}

static void judge_login(struct doctor_redis *redis)
{
    if (redis->url.password[0] == '\0')
        doctor_report_set(&redis->finding, DOCTOR_NOTE,
                          "no password: whoever reaches it may do anything; see deploy/redis/users.acl");
    else
        doctor_report_set(&redis->finding, DOCTOR_OK, "as user %s",
                          redis->url.user[0] == '\0' ? "default" : redis->url.user);
}

/* clang-format off */
const struct doctor_check doctor_settings_checks[] = {
    {"redis.version", "INFO server", judge_version,
     "install Redis 7 there; 6.2 is the least"},
    {"redis.role", "INFO replication", judge_role,
     "set REDIS_URL to the master: {}"},
    {"redis.secrecy", NULL, judge_secrecy, ""},
    {"redis.login", NULL, judge_login, ""},
    {"redis.policy", "INFO memory", judge_policy,
     "redis-cli CONFIG SET maxmemory-policy noeviction; redis-cli CONFIG REWRITE"},
    {"redis.memory", "INFO memory", judge_memory,
     "start another consumer, or: redis-cli CONFIG SET maxmemory {}; redis-cli CONFIG REWRITE"},
    {"redis.evicted", "INFO stats", judge_evicted, ""},
    {"redis.aof", "INFO persistence", judge_aof,
     "redis-cli CONFIG SET appendonly yes; redis-cli CONFIG REWRITE"},
    {"redis.fsync", "CONFIG GET appendfsync", judge_fsync,
     "redis-cli CONFIG SET appendfsync everysec; redis-cli CONFIG REWRITE"},
    {"redis.disk", "INFO persistence", judge_writing,
     "make room on the disk of Redis and let it write to its folder, then: redis-cli BGSAVE; redis-cli BGREWRITEAOF"},
    {"redis.replicas", "CONFIG GET min-replicas-to-write", judge_replicas,
     "bring the replicas back, or: redis-cli CONFIG SET min-replicas-to-write 0"},
    {"redis.clients", "INFO clients", judge_clients,
     "redis-cli CONFIG SET maxclients 10000; redis-cli CONFIG REWRITE"},
    {"redis.timeout", "CONFIG GET timeout", judge_timeout,
     "redis-cli CONFIG SET timeout 0; redis-cli CONFIG REWRITE"},
    {"redis.output_buffer", "CONFIG GET client-output-buffer-limit", judge_output,
     "redis-cli CONFIG SET client-output-buffer-limit 'normal 0 0 0'; redis-cli CONFIG REWRITE"},
    {"redis.clock", "TIME", judge_clock,
     "timedatectl set-ntp true (on the machine whose clock is wrong)"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */
