#include "proto/redis_error.h"

#include <string.h>

enum { QUOTED_BYTES_MAX = 256 };

struct answer {
    const char *start; /* whole words; the first row that fits counts */
    enum error_kind kind;
    const char *reason;
};

/* clang-format off */
static const struct answer answers[] = {
    /* The server cannot now: start, failover, load, memory, disk. */
    {"LOADING",     ERROR_TRANSIENT, "loading"},
    {"READONLY",    ERROR_TRANSIENT, "readonly"},
    {"BUSY",        ERROR_TRANSIENT, "busy"},
    {"TRYAGAIN",    ERROR_TRANSIENT, "tryagain"},
    {"CLUSTERDOWN", ERROR_TRANSIENT, "clusterdown"},
    {"MASTERDOWN",  ERROR_TRANSIENT, "masterdown"},
    {"OOM",         ERROR_TRANSIENT, "oom"},
    {"MISCONF",     ERROR_TRANSIENT, "misconf"},
    {"NOREPLICAS",  ERROR_TRANSIENT, "noreplicas"},
    {"MOVED",       ERROR_TRANSIENT, "moved"},
    {"ASK",         ERROR_TRANSIENT, "ask"},
    {"UNBLOCKED",   ERROR_TRANSIENT, "unblocked"},
    {"EXECABORT",   ERROR_TRANSIENT, "execabort"},
    {"ERR max number of clients", ERROR_TRANSIENT, "maxclients"},

    /* Something is not there, or is there already; whoever asked knows what to do about it. */
    {"NOGROUP",     ERROR_TRANSIENT, "nogroup"},
    {"BUSYGROUP",   ERROR_TRANSIENT, "busygroup"},
    {"NOSCRIPT",    ERROR_TRANSIENT, "noscript"},

    /* Who we are, or what we may do, is wrong. */
    {"NOAUTH",      ERROR_FATAL, "noauth"},
    {"WRONGPASS",   ERROR_FATAL, "wrongpass"},
    {"NOPERM",      ERROR_FATAL, "noperm"},
    {"ERR The user executing the script", ERROR_FATAL, "noperm"},
    {"DENIED",      ERROR_FATAL, "denied"},
    {"ERR invalid password",                         ERROR_FATAL, "wrongpass"},
    {"ERR Client sent AUTH, but no password is set", ERROR_FATAL, "nopassword"},
    {"ERR AUTH <password> called without any",       ERROR_FATAL, "nopassword"},

    /* The server, the key or the db is not what we were told. */
    {"WRONGTYPE",   ERROR_FATAL, "wrongtype"},
    {"NOPROTO",     ERROR_FATAL, "noproto"},
    {"CROSSSLOT",   ERROR_FATAL, "crossslot"},
    {"ERR invalid DB index",         ERROR_FATAL, "db"},
    {"ERR DB index is out of range", ERROR_FATAL, "db"},
    {"ERR SELECT is not allowed",    ERROR_FATAL, "db"},
    {"ERR unknown command",          ERROR_FATAL, "unknown"},
    {"ERR unknown subcommand",       ERROR_FATAL, "unknown"},
};
/* clang-format on */

/* Where the rights stand that each of our programs needs. */
static const char users_file[] = " (its rights: deploy/redis/users.acl; what is missing: taskledger-consumer doctor)";

static const struct answer unknown_answer = {"", ERROR_FATAL, "reply"};

static bool begins_with(struct slice text, const char *start)
{
    size_t size = strlen(start);

    if (text.size < size || memcmp(text.data, start, size) != 0)
        return false;
    return text.size == size || strchr(" ,.", text.data[size]) != NULL;
}

/* Before 7.0 the error of a command that a script called is wrapped: "ERR Error running script (...): ...: -OOM
 * ...". */
static struct slice unwrap(struct slice text)
{
    static const char mark[] = ": -";

    if (!begins_with(text, "ERR Error running script"))
        return text;
    const uint8_t *inner = memmem(text.data, text.size, mark, sizeof mark - 1);
    if (inner == NULL)
        return text;
    inner += sizeof mark - 1;
    return slice_of(inner, text.size - (size_t)(inner - text.data));
}

static const struct answer *find(struct slice text)
{
    struct slice inner = unwrap(text);

    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (begins_with(inner, answers[i].start))
            return &answers[i];
    return &unknown_answer;
}

static bool holds(struct slice text, const char *words)
{
    size_t size = strlen(words);

    return size > 0 && text.size > 0 && memmem(text.data, text.size, words, size) != NULL;
}

/* What people may read of the answer. */
static struct slice fit_to_print(struct slice answer, const char *secret)
{
    static const char arguments[] = ", with args beginning with";

    if (holds(answer, secret))
        return slice_from_text("an error answer that holds the password");
    if (holds(answer, arguments)) {
        const uint8_t *start = memmem(answer.data, answer.size, arguments, sizeof arguments - 1);
        answer.size = (size_t)(start - answer.data);
    }
    return answer;
}

bool redis_error_set(struct error *error, struct slice answer, const char *secret)
{
    const struct answer *found = find(answer);
    struct slice words = fit_to_print(answer, secret);
    char text[QUOTED_BYTES_MAX];
    size_t size = words.size < sizeof text ? words.size : sizeof text - 1;

    for (size_t i = 0; i < size; i++)
        text[i] = words.data[i] >= ' ' && words.data[i] < 0x7f ? (char)words.data[i] : '?';
    text[size] = '\0';
    return error_set(error, found->kind, found->reason, "%s%s", text,
                     strcmp(found->reason, "noperm") == 0 ? users_file : "");
}

bool redis_error_is(const struct error *error, const char *reason)
{
    return error->kind != ERROR_NONE && strcmp(error->reason, reason) == 0;
}

bool redis_error_says_moved(const struct error *error)
{
    static const char *const reasons[] = {"readonly", "unblocked", "masterdown", "noreplicas", "loading"};

    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (redis_error_is(error, reasons[i]))
            return true;
    return false;
}
