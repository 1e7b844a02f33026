#include "proto/cluster_key.h"

#include <string.h>
#include <strings.h>

enum where {
    NOWHERE,
    SECOND,         /* behind the command */
    THIRD,          /* behind its subcommand */
    BEHIND_COUNT,   /* script, how many keys, keys */
    BEHIND_STREAMS, /* options, STREAMS, keys, IDs */
};

/* Those whose key is not simply the second word. */
/* clang-format off */
static const struct {
    const char *command;
    enum where where;
} commands[] = {
    {"XREADGROUP", BEHIND_STREAMS},
    {"XREAD",      BEHIND_STREAMS},
    {"EVAL",       BEHIND_COUNT},
    {"EVALSHA",    BEHIND_COUNT},
    {"XGROUP",     THIRD},
    {"XINFO",      THIRD},
    {"MEMORY",     THIRD},
    {"OBJECT",     THIRD},

    {"ACL",     NOWHERE},
    {"ASKING",  NOWHERE},
    {"AUTH",    NOWHERE},
    {"CLIENT",  NOWHERE},
    {"CLUSTER", NOWHERE},
    {"COMMAND", NOWHERE},
    {"CONFIG",  NOWHERE},
    {"DBSIZE",  NOWHERE},
    {"DISCARD", NOWHERE},
    {"EXEC",    NOWHERE},
    {"INFO",    NOWHERE},
    {"LATENCY", NOWHERE},
    {"MULTI",   NOWHERE},
    {"PING",    NOWHERE},
    {"ROLE",    NOWHERE},
    {"SCAN",    NOWHERE},
    {"SCRIPT",  NOWHERE},
    {"SLOWLOG", NOWHERE},
    {"TIME",    NOWHERE},
    {"WAIT",    NOWHERE},
};
/* clang-format on */

static bool is_word(struct slice word, const char *expected)
{
    return word.size == strlen(expected) && strncasecmp((const char *)word.data, expected, word.size) == 0;
}

static enum where where_of(struct slice command)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (is_word(command, commands[i].command))
            return commands[i].where;
    return SECOND;
}

/* The place behind STREAMS; `count` when it is not there. The group and its consumer may be called so themselves. */
static size_t behind_streams(const struct slice *words, size_t count)
{
    size_t first = is_word(words[0], "XREADGROUP") ? 4 : 1;

    for (size_t i = first; i < count; i++)
        if (is_word(words[i], "STREAMS"))
            return i + 1;
    return count;
}

static size_t place_of(const struct slice *words, size_t count)
{
    switch (where_of(words[0])) {
    case NOWHERE:
        return count;
    case SECOND:
        return 1;
    case THIRD:
        return 2;
    case BEHIND_COUNT:
        return count > 2 && is_word(words[2], "0") ? count : 3;
    case BEHIND_STREAMS:
        return behind_streams(words, count);
    }
    return count;
}

bool cluster_key(const struct slice *words, size_t count, struct slice *key)
{
    size_t place = count == 0 ? 0 : place_of(words, count);

    if (place >= count)
        return false;
    *key = words[place];
    return true;
}
