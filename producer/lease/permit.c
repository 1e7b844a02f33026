#include "producer/lease/permit.h"

#include "producer/lease/numbers.h"

#include <stdio.h>

/* KEYS: the five. ARGV: what to do, token, holder, limit, lease_ms, ticket_ms, whether to stand in the line. Answers
 * whether it is granted, the place in the line, how many there are of others and ours, and the time.
 *
 * At maxmemory a script is refused nothing once it has written something that takes no memory, and each of these does
 * that first: nobody is pushed out by want of memory. Numbers are written by string.format, since not every version's
 * own way keeps all their digits. Who is in the queue without a ticket was left there by an eviction. A place counts
 * how many must be given back until it is one's turn. What Redis has forgotten its holder takes back, unless an operator
 * has freed it. */
static const char script[] =
    "local permits, queue, waiting, holders, freed = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]\n"
    "local own, limit, lease, ticket = ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])\n"
    "local time = redis.call('TIME')\n"
    "local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)\n"
    "local function write(value) return string.format('%.0f', value) end\n"
    "local function last(set) return tonumber(redis.call('ZREVRANGE', set, 0, 0, 'WITHSCORES')[2] or 0) end\n"
    "local function drop(set, token)\n"
    "  redis.call('ZREM', set, token)\n"
    "  redis.call('HDEL', holders, token)\n"
    "end\n"
    "local function clear(times, set)\n"
    "  for _, token in ipairs(redis.call('ZRANGEBYSCORE', times, '-inf', write(now))) do drop(set, token) end\n"
    "  redis.call('ZREMRANGEBYSCORE', times, '-inf', write(now))\n"
    "end\n"
    "local function clear_all()\n"
    "  clear(permits, permits)\n"
    "  clear(waiting, queue)\n"
    "  if redis.call('ZCARD', queue) == redis.call('ZCARD', waiting) then return end\n"
    "  for _, token in ipairs(redis.call('ZRANGE', queue, 0, -1)) do\n"
    "    if not redis.call('ZSCORE', waiting, token) then drop(queue, token) end\n"
    "  end\n"
    "end\n"
    "local function stay()\n"
    "  local ends = math.max(last(permits), last(waiting)) + 60000\n"
    "  for _, key in ipairs({permits, queue, waiting, holders}) do\n"
    "    redis.call('PEXPIRE', key, write(ends - now))\n"
    "  end\n"
    "end\n"
    "local function leave()\n"
    "  redis.call('ZREM', queue, own)\n"
    "  redis.call('ZREM', waiting, own)\n"
    "end\n"
    "local function answer(granted, place) return {granted, place, redis.call('ZCARD', permits), now} end\n"
    "local function take()\n"
    "  leave()\n"
    "  redis.call('ZADD', permits, write(now + lease), own)\n"
    "  redis.call('HSET', holders, own, ARGV[3])\n"
    "  stay()\n"
    "  return answer(1, 0)\n"
    "end\n"
    "local function enter()\n"
    "  if not redis.call('ZSCORE', queue, own) then\n"
    "    redis.call('ZADD', queue, write(last(queue) + 1), own)\n"
    "    redis.call('HSET', holders, own, ARGV[3])\n"
    "  end\n"
    "  redis.call('ZADD', waiting, write(now + ticket), own)\n"
    "end\n"
    "\n"
    "local verbs = {}\n"
    "function verbs.release()\n"
    "  leave()\n"
    "  drop(permits, own)\n"
    "  return answer(1, 0)\n"
    "end\n"
    "function verbs.renew()\n"
    "  if redis.call('ZSCORE', permits, own) then return take() end\n"
    "  if redis.call('ZSCORE', freed, own) then return answer(0, 0) end\n"
    "  clear_all()\n"
    "  if redis.call('ZCARD', permits) < limit then return take() end\n"
    "  return answer(0, 0)\n"
    "end\n"
    "function verbs.ask()\n"
    "  if redis.call('ZSCORE', permits, own) then return take() end\n"
    "  clear_all()\n"
    "  enter()\n"
    "  local place = redis.call('ZRANK', queue, own) + 1 - (limit - redis.call('ZCARD', permits))\n"
    "  if place <= 0 then return take() end\n"
    "  if ARGV[7] == '0' then\n"
    "    leave()\n"
    "    drop(queue, own)\n"
    "  end\n"
    "  stay()\n"
    "  return answer(0, place)\n"
    "end\n"
    "return verbs[ARGV[1]]()\n";

enum { KEYS = 5, KEY_BYTES_MAX = sizeof PERMIT_KEY "{}:waiting" + TERMS_PERMIT_BYTES_MAX };

static void write_keys(const char *name, char keys[KEYS][KEY_BYTES_MAX])
{
    static const char *const parts[KEYS] = {"", ":queue", ":waiting", ":holders", ":freed"};

    for (size_t i = 0; i < KEYS; i++)
        snprintf(keys[i], KEY_BYTES_MAX, PERMIT_KEY "{%.*s}%s", TERMS_PERMIT_BYTES_MAX, name, parts[i]);
}

bool permit_append(struct redis *redis, const struct errand *errand, struct error *error)
{
    char keys[KEYS][KEY_BYTES_MAX];
    char limit[DECIMAL_BYTES_MAX], lease[DECIMAL_BYTES_MAX], ticket[DECIMAL_BYTES_MAX];

    write_keys(errand->terms->name, keys);
    const struct slice words[] = {
        slice_from_text("EVAL"),
        slice_from_text(script),
        slice_from_text("5"),
        slice_from_text(keys[0]),
        slice_from_text(keys[1]),
        slice_from_text(keys[2]),
        slice_from_text(keys[3]),
        slice_from_text(keys[4]),
        slice_from_text(errand_verb(errand->kind)),
        slice_from_text(errand->token),
        slice_from_text(errand->terms->holder),
        numbers_write(errand->terms->limit, limit),
        numbers_write(errand->terms->lease_ms, lease),
        numbers_write(PERMIT_TICKET_MS, ticket),
        slice_from_text(errand->in_line ? "1" : "0"),
    };
    return redis_append(redis, REDIS_WORDS(words), error);
}

bool permit_read(const struct reply *reply, struct verdict *verdict)
{
    enum { GRANTED, PLACE, HELD, NOW, NUMBERS };
    int64_t numbers[NUMBERS];

    if (!numbers_read(reply, numbers, NUMBERS) || reply->count != NUMBERS || numbers[PLACE] > UINT32_MAX ||
        numbers[HELD] > UINT32_MAX)
        return false;
    *verdict = (struct verdict){
        .granted = numbers[GRANTED] == 1,
        .place = (unsigned)numbers[PLACE],
        .held = (unsigned)numbers[HELD],
        .now_ms = numbers[NOW],
    };
    return true;
}
