#include "consumer/upkeep/retire.h"

#include <stdio.h>

enum { NUMBER_BYTES = 24 };

/* ARGV: the group, the consumer, idle_ms. Nothing here is refused at maxmemory. */
static const char script[] =
    "for _, words in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do\n"
    "  local consumer = {}\n"
    "  for i = 1, #words, 2 do consumer[words[i]] = words[i + 1] end\n"
    "  if consumer.name == ARGV[2] and consumer.pending == 0 and consumer.idle >= tonumber(ARGV[3]) then\n"
    "    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])\n"
    "    return 1\n"
    "  end\n"
    "end\n"
    "return 0\n";

bool retire_consumer(const struct pending *pending, struct slice name, int64_t idle_ms, bool *retired,
                     struct error *error)
{
    char idle_text[NUMBER_BYTES];
    struct reply reply;

    snprintf(idle_text, sizeof idle_text, "%lld", (long long)idle_ms);
    const struct slice words[] = {
        slice_from_text("EVAL"),       slice_from_text(script),         slice_from_text("1"),
        slice_from_text(pending->key), slice_from_text(pending->group), name,
        slice_from_text(idle_text),
    };
    if (!redis_call(pending->redis, REDIS_WORDS(words), pending->arena, &reply, error))
        return false;
    *retired = reply.type == REPLY_INTEGER && reply.integer == 1;
    return true;
}
