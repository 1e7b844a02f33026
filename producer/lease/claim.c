#include "producer/lease/claim.h"

#include "producer/lease/numbers.h"
#include "proto/event.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* 2020-01-01T00:00:00Z */
#define FIRST_S INT64_C(1577836800)

/* The latest time that this process was told by any server, Unix seconds; in a child what its parent was told too. */
static _Atomic(int64_t) latest_s;

/* KEYS: the key. ARGV: what to do, token, holder, lease_ms, attempt, since_ms, latest_s, first_s. Answers whether it is
 * ours, the attempt, since when, for how long, and what the time is; then who has it.
 *
 * Asking is refused at maxmemory, at the first command that writes. Renewing is not: a script is refused nothing once it
 * has written something that takes no memory, and that comes first there. Without a token, and with no later attempt than
 * ours, nobody has had it since: the server has forgotten it, or an older state of it came back. Numbers are written by
 * string.format, since not every version's own way keeps all their digits. */
static const char script[] =
    "local key, own, lease, ours = KEYS[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])\n"
    "local time = redis.call('TIME')\n"
    "local now_s = tonumber(time[1])\n"
    "local now = now_s * 1000 + math.floor(tonumber(time[2]) / 1000)\n"
    "local old = redis.call('HMGET', key, 'token', 'holder', 'attempt', 'since_ms', 'until_ms')\n"
    "local function number(text) return text and tonumber(text) or 0 end\n"
    "local token, holder, attempt = old[1], old[2] or '', number(old[3])\n"
    "local since, ends = number(old[4]), number(old[5])\n"
    "local function write(value) return string.format('%.0f', value) end\n"
    "local function stay() redis.call('PEXPIRE', key, write(lease + 86400000)) end\n"
    "local function put()\n"
    "  redis.call('HSET', key, 'token', own, 'holder', ARGV[3], 'attempt', write(attempt),\n"
    "    'since_ms', write(since), 'until_ms', write(now + lease))\n"
    "  stay()\n"
    "  return {1, attempt, since, lease, now, ARGV[3]}\n"
    "end\n"
    "local function refuse() return {0, attempt, since, math.max(0, ends - now), now, holder} end\n"
    "\n"
    "local verbs = {}\n"
    "function verbs.ask()\n"
    "  if token == own then return put() end\n"
    "  if token and ends > now then return refuse() end\n"
    "  attempt = math.max(attempt + 1, math.max(now_s, tonumber(ARGV[7])) - tonumber(ARGV[8]))\n"
    "  since = now\n"
    "  return put()\n"
    "end\n"
    "function verbs.renew()\n"
    "  if token ~= own then\n"
    "    if token or attempt > ours then return refuse() end\n"
    "    since = tonumber(ARGV[6])\n"
    "  end\n"
    "  attempt = math.max(attempt, ours)\n"
    "  stay()\n"
    "  return put()\n"
    "end\n"
    "function verbs.release()\n"
    "  if token == own then\n"
    "    redis.call('HDEL', key, 'token', 'holder', 'since_ms', 'until_ms')\n"
    "    redis.call('HSET', key, 'attempt', write(math.max(attempt, ours)))\n"
    "    stay()\n"
    "  end\n"
    "  return {1, math.max(attempt, ours), 0, 0, now, ''}\n"
    "end\n"
    "return verbs[ARGV[1]]()\n";

bool claim_append(struct redis *redis, const struct errand *errand, struct error *error)
{
    char key[sizeof CLAIM_KEY "{}" + TERMS_NAME_BYTES_MAX];
    char lease[DECIMAL_BYTES_MAX], attempt[DECIMAL_BYTES_MAX], since[DECIMAL_BYTES_MAX];
    char latest[DECIMAL_BYTES_MAX], first[DECIMAL_BYTES_MAX];

    snprintf(key, sizeof key, CLAIM_KEY "{%s}", errand->terms->name);
    const struct slice words[] = {
        slice_from_text("EVAL"),
        slice_from_text(script),
        slice_from_text("1"),
        slice_from_text(key),
        slice_from_text(errand_verb(errand->kind)),
        slice_from_text(errand->token),
        slice_from_text(errand->terms->holder),
        numbers_write(errand->terms->lease_ms, lease),
        numbers_write(errand->attempt, attempt),
        numbers_write(errand->since_ms, since),
        numbers_write(atomic_load(&latest_s), latest),
        numbers_write(FIRST_S, first),
    };
    return redis_append(redis, REDIS_WORDS(words), error);
}

static void note_time(int64_t now_s)
{
    int64_t seen = atomic_load(&latest_s);

    while (now_s > seen && !atomic_compare_exchange_weak(&latest_s, &seen, now_s))
        continue;
}

bool claim_read(const struct reply *reply, struct verdict *verdict)
{
    enum { GRANTED, ATTEMPT, SINCE, LEFT, NOW, NUMBERS };
    int64_t numbers[NUMBERS];

    if (!numbers_read(reply, numbers, NUMBERS) || reply->count != NUMBERS + 1 ||
        reply->elements[NUMBERS].type != REPLY_STRING || numbers[ATTEMPT] > EVENT_ATTEMPT_MAX)
        return false;
    note_time(numbers[NOW] / 1000);
    *verdict = (struct verdict){
        .granted = numbers[GRANTED] == 1,
        .attempt = (uint32_t)numbers[ATTEMPT],
        .since_ms = numbers[SINCE],
        .left_ms = numbers[LEFT],
        .now_ms = numbers[NOW],
    };
    snprintf(verdict->holder, sizeof verdict->holder, "%.*s", SLICE_PRINT(reply->elements[NUMBERS].text));
    return true;
}

int64_t claim_attempt_at(int64_t server_ms)
{
    return server_ms / 1000 - FIRST_S;
}
