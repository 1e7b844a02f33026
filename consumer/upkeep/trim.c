#include "consumer/upkeep/trim.h"

#include "consumer/stream/group.h"

#include <stdio.h>
#include <string.h>

enum { KEEP_BYTES = 64 * 1024, NUMBER_BYTES = 24 };

#define NUMBER_MAX (INT64_C(1) << 50) /* of bytes or entries of a key; so many keys' add up without overflowing */

/* ARGV: our group, retain_ms, how many bytes the key may take, how many entries at most. Answers how many are gone and
 * how many bytes are left, -1 if that may not be asked: an estimate from so many of the oldest nodes, which are next to
 * go.
 *
 * Numbers of IDs are compared as text: they have up to 20 digits, and a double holds 15. The last delivered entry
 * itself stays, as if it were not settled: that spares counting its ID up. A limit of 0 would mean none. Nothing here
 * is refused at maxmemory, so there is no need to say that it may go on, which only servers from 7.0 on understand. */
static const char script[] = "local key, own, budget, most = KEYS[1], ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])\n"
                             "local function less(a, b)\n"
                             "  if #a ~= #b then return #a < #b end\n"
                             "  return a < b\n"
                             "end\n"
                             "local function earlier(a, b)\n"
                             "  local a_ms, a_seq = string.match(a, '^(%d+)-(%d+)$')\n"
                             "  local b_ms, b_seq = string.match(b, '^(%d+)-(%d+)$')\n"
                             "  if a_ms ~= b_ms then return less(a_ms, b_ms) end\n"
                             "  return less(a_seq, b_seq)\n"
                             "end\n"
                             "local function settled_before(group)\n"
                             "  local id = group['last-delivered-id']\n"
                             "  if group.pending == 0 then return id end\n"
                             "  local oldest = redis.call('XPENDING', key, group.name)[2]\n"
                             "  return earlier(oldest, id) and oldest or id\n"
                             "end\n"
                             "local function trim(before, limit)\n"
                             "  return redis.call('XTRIM', key, 'MINID', '~', before, 'LIMIT', limit)\n"
                             "end\n"
                             "\n"
                             "if redis.call('EXISTS', key) == 0 then return {0, 0} end\n"
                             "local safe, ours = nil, false\n"
                             "for _, words in ipairs(redis.call('XINFO', 'GROUPS', key)) do\n"
                             "  local group = {}\n"
                             "  for i = 1, #words, 2 do group[words[i]] = words[i + 1] end\n"
                             "  local before = settled_before(group)\n"
                             "  if not safe or earlier(before, safe) then safe = before end\n"
                             "  ours = ours or group.name == own\n"
                             "end\n"
                             "if not ours then return {0, 0} end\n"
                             "\n"
                             "local time = redis.call('TIME')\n"
                             "local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)\n"
                             "local aged = string.format('%.0f-0', math.max(0, now_ms - tonumber(ARGV[2])))\n"
                             "local trimmed = trim(earlier(safe, aged) and safe or aged, most)\n"
                             "local length = redis.call('XLEN', key)\n"
                             "local bytes = redis.pcall('MEMORY', 'USAGE', key, 'SAMPLES', 100)\n"
                             "if type(bytes) ~= 'number' then return {trimmed, -1} end\n"
                             "local over = math.min(length - math.floor(length * budget / bytes), most - trimmed)\n"
                             "if over > 0 then\n"
                             "  local gone = trim(safe, over)\n"
                             "  trimmed, bytes = trimmed + gone, math.floor(bytes * (length - gone) / length)\n"
                             "end\n"
                             "return {trimmed, bytes}\n";

void trim_init(struct trim *trim, const struct trim_options *options)
{
    *trim = (struct trim){.options = *options, .retain_ms = options->retain_ms, .budget_bytes = -1};
    arena_init(&trim->arena, 0);
}

void trim_close(struct trim *trim)
{
    arena_close(&trim->arena);
}

static struct slice number(char text[NUMBER_BYTES], int64_t value)
{
    return slice_of(text, (size_t)snprintf(text, NUMBER_BYTES, "%lld", (long long)value));
}

int64_t trim_budget(const struct trim_options *options, const struct memory *memory)
{
    if (options->retain_bytes > 0)
        return options->retain_bytes;
    return memory->max_bytes > 0 ? memory->max_bytes / 100 * TRIM_RETAIN_PERCENT : TRIM_RETAIN_BYTES;
}

int64_t trim_bytes(const struct trim *trim)
{
    int64_t bytes = 0;

    for (unsigned shard = 0; shard < trim->options.shards; shard++)
        bytes += trim->bytes[shard];
    return bytes;
}

void trim_rest(struct trim *trim)
{
    memset(trim->bytes, 0, sizeof trim->bytes);
    trim->budget_bytes = -1;
    trim->is_blind = false;
}

/* What the others leave, or its equal part. */
static int64_t share_of(const struct trim *trim, unsigned shard)
{
    int64_t left = trim->budget_bytes - (trim_bytes(trim) - trim->bytes[shard]);
    int64_t part = trim->budget_bytes / trim->options.shards;

    return left > part ? left : part;
}

static bool is_number(const struct reply *reply, int64_t least)
{
    return reply->type == REPLY_INTEGER && reply->integer >= least && reply->integer <= NUMBER_MAX;
}

struct trimmed {
    int64_t entries; /* gone */
    int64_t bytes;   /* left; -1: that is not told */
};

/* One call. */
static bool call_script(struct trim *trim, struct redis *line, const char *key, int64_t budget_bytes,
                        struct trimmed *trimmed, struct error *error)
{
    char retain_ms[NUMBER_BYTES];
    char budget[NUMBER_BYTES];
    char most[NUMBER_BYTES];
    struct reply reply;
    const struct slice words[] = {
        slice_from_text("EVAL"),
        slice_from_text(script),
        slice_from_text("1"),
        slice_from_text(key),
        slice_from_text(trim->options.group),
        number(retain_ms, trim->retain_ms),
        number(budget, budget_bytes),
        number(most, TRIM_ENTRIES_MAX),
    };

    arena_reset(&trim->arena, KEEP_BYTES);
    if (!redis_call(line, REDIS_WORDS(words), &trim->arena, &reply, error))
        return false;
    *trimmed = (struct trimmed){.entries = 0};
    if (reply.type == REPLY_ARRAY && reply.count == 2 && is_number(&reply.elements[0], 0) &&
        is_number(&reply.elements[1], -1))
        *trimmed = (struct trimmed){.entries = reply.elements[0].integer, .bytes = reply.elements[1].integer};
    trim->entries += (uint64_t)trimmed->entries;
    return true;
}

/* A node of the stream that exceeds the limit is left: what was gained may be less than the limit, and there may still
 * be more. */
static bool leaves_more(const struct trimmed *trimmed)
{
    return trimmed->entries > TRIM_ENTRIES_MAX / 2;
}

/* Until the key has no more to give. */
static bool trim_key(struct trim *trim, struct redis *line, const char *key, bool *more, struct error *error)
{
    do {
        struct trimmed trimmed;

        if (!call_script(trim, line, key, share_of(trim, trim->shard), &trimmed, error))
            return false;
        trim->is_blind = trimmed.bytes < 0;
        trim->bytes[trim->shard] = trimmed.bytes < 0 ? 0 : trimmed.bytes;
        *more = leaves_more(&trimmed);
    } while (*more && clock_left_ms(trim->options.clock, trim->deadline_us) > 0);
    return true;
}

static void begin_round(struct trim *trim, const struct memory *memory)
{
    trim->deadline_us = clock_deadline_us(trim->options.clock, TRIM_ROUND_MS);
    trim->retain_ms = memory->is_short ? 0 : trim->options.retain_ms;
    trim->budget_bytes = trim_budget(&trim->options, memory);
}

bool trim_round(struct trim *trim, struct redis *line, const struct group *source, const struct memory *memory,
                bool *more, struct error *error)
{
    bool any = false;

    begin_round(trim, memory);
    for (unsigned visited = 0; visited < trim->options.shards; visited++) {
        bool left = false;

        bool good = trim_key(trim, line, group_key(source, trim->shard), &left, error);
        trim->shard = (trim->shard + 1) % trim->options.shards;
        if (!good)
            return false;
        any |= left;
        if (clock_left_ms(trim->options.clock, trim->deadline_us) == 0)
            break;
    }
    *more = any;
    return true;
}

void trim_begin_strays(struct trim *trim)
{
    trim->deadline_us = clock_deadline_us(trim->options.clock, TRIM_ROUND_MS);
}

bool trim_stray(struct trim *trim, struct redis *line, const char *key, struct error *error)
{
    struct trimmed trimmed;

    do {
        if (!call_script(trim, line, key, NUMBER_MAX, &trimmed, error))
            return false;
    } while (leaves_more(&trimmed) && clock_left_ms(trim->options.clock, trim->deadline_us) > 0);
    return true;
}
