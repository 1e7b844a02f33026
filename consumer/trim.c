#include "consumer/trim.h"

#include "consumer/group.h"

#include <stdio.h>

enum { KEEP_BYTES = 64 * 1024, NUMBER_BYTES = 24 };

/* ARGV: our group, retain_ms, retain_entries, how many entries at most.
 *
 * Numbers of IDs are compared as text: they have up to 20 digits, and a double holds 15. The last delivered entry itself
 * stays, as if it were not settled: that spares counting its ID up. A limit of 0 would mean none. Nothing here is refused at
 * maxmemory, so there is no need to say that it may go on, which only servers from 7.0 on understand. */
static const char script[] = "local key, own, most = KEYS[1], ARGV[1], tonumber(ARGV[4])\n"
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
                             "if redis.call('EXISTS', key) == 0 then return 0 end\n"
                             "local safe, ours = nil, false\n"
                             "for _, words in ipairs(redis.call('XINFO', 'GROUPS', key)) do\n"
                             "  local group = {}\n"
                             "  for i = 1, #words, 2 do group[words[i]] = words[i + 1] end\n"
                             "  local before = settled_before(group)\n"
                             "  if not safe or earlier(before, safe) then safe = before end\n"
                             "  ours = ours or group.name == own\n"
                             "end\n"
                             "if not ours then return 0 end\n"
                             "\n"
                             "local time = redis.call('TIME')\n"
                             "local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)\n"
                             "local aged = string.format('%.0f-0', math.max(0, now_ms - tonumber(ARGV[2])))\n"
                             "local trimmed = trim(earlier(safe, aged) and safe or aged, most)\n"
                             "local over = math.min(redis.call('XLEN', key) - tonumber(ARGV[3]), most - trimmed)\n"
                             "if over > 0 then trimmed = trimmed + trim(safe, over) end\n"
                             "return trimmed\n";

void trim_init(struct trim *trim, const struct trim_options *options)
{
    *trim = (struct trim){.options = *options};
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

/* One call; `*trimmed` entries are gone. */
static bool trim_some(struct trim *trim, struct redis *line, const char *key, bool is_memory_short, int64_t *trimmed,
                      struct error *error)
{
    char retain_ms[NUMBER_BYTES];
    char retain_entries[NUMBER_BYTES];
    char most[NUMBER_BYTES];
    struct reply reply;
    const struct slice words[] = {
        slice_from_text("EVAL"),
        slice_from_text(script),
        slice_from_text("1"),
        slice_from_text(key),
        slice_from_text(trim->options.group),
        number(retain_ms, is_memory_short ? 0 : trim->options.retain_ms),
        number(retain_entries, is_memory_short ? 0 : trim->options.retain_entries),
        number(most, TRIM_ENTRIES_MAX),
    };

    arena_reset(&trim->arena, KEEP_BYTES);
    if (!redis_call(line, REDIS_WORDS(words), &trim->arena, &reply, error))
        return false;
    *trimmed = reply.type == REPLY_INTEGER ? reply.integer : 0;
    trim->entries += (uint64_t)*trimmed;
    return true;
}

/* Until the key has no more to give. A node of the stream that exceeds the limit is left: what was gained may be less than
 * the limit, and there may still be more. */
static bool trim_key(struct trim *trim, struct redis *line, const char *key, bool is_memory_short, int64_t deadline_us,
                     bool *more, struct error *error)
{
    int64_t trimmed = 0;

    do {
        if (!trim_some(trim, line, key, is_memory_short, &trimmed, error))
            return false;
        *more = trimmed > TRIM_ENTRIES_MAX / 2;
    } while (*more && clock_left_ms(trim->options.clock, deadline_us) > 0);
    return true;
}

bool trim_round(struct trim *trim, struct redis *line, const struct group *source, bool is_memory_short, bool *more,
                struct error *error)
{
    int64_t deadline_us = clock_deadline_us(trim->options.clock, TRIM_ROUND_MS);
    bool any = false;

    for (unsigned visited = 0; visited < trim->options.shards; visited++) {
        unsigned shard = trim->shard;
        bool left = false;

        trim->shard = (shard + 1) % trim->options.shards;
        if (!trim_key(trim, line, group_key(source, shard), is_memory_short, deadline_us, &left, error))
            return false;
        any |= left;
        if (clock_left_ms(trim->options.clock, deadline_us) == 0)
            break;
    }
    *more = any;
    return true;
}
