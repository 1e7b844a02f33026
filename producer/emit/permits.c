#include "producer/emit/permits.h"

#include "producer/emit/console.h"
#include "producer/emit/permit_names.h"
#include "producer/emit/permits_page.h"
#include "producer/emit/question.h"
#include "producer/lease/permit.h"
#include "proto/exit_code.h"
#include "proto/json_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct permits_command {
    const struct configuration *configuration;
    struct redis *redis;
    struct arena answers;
    struct json_writer json;
    struct permits_page page;
    size_t shown;
};

static bool is_page(const struct permits_command *command)
{
    return strcmp(command->configuration->format, "prometheus") == 0;
}

static bool is_json(const struct permits_command *command)
{
    return strcmp(command->configuration->format, "table") != 0 && !is_page(command);
}

static bool is_lines(const struct permits_command *command)
{
    return strcmp(command->configuration->format, "jsonl") == 0;
}

static bool check_name(const char *name, struct error *error)
{
    if (name[0] == '\0' || strlen(name) > TERMS_PERMIT_BYTES_MAX || strpbrk(name, "{}") != NULL)
        return error_set(error, ERROR_FATAL, "usage",
                         "expected the name of a permit, 1 to %d bytes, no braces, found \"%s\"",
                         TERMS_PERMIT_BYTES_MAX, name);
    return true;
}

static void add_key(struct question *question, const char *name, const char *part)
{
    snprintf(question->keys[question->key_count++], QUESTION_KEY_BYTES_MAX, PERMIT_KEY "{%s}%s", name, part);
}

/* ---- what is shown of each --------------------------------------------------------------------------------------- */

/* KEYS: permits, waiting, holders. Answers how many wait, then token, milliseconds left and holder of each. */
static const char look[] = "local time = redis.call('TIME')\n"
                           "local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)\n"
                           "local least = '(' .. string.format('%.0f', now)\n"
                           "local answer = {redis.call('ZCOUNT', KEYS[2], least, '+inf')}\n"
                           "local found = redis.call('ZRANGEBYSCORE', KEYS[1], least, '+inf', 'WITHSCORES')\n"
                           "for i = 1, #found, 2 do\n"
                           "  answer[#answer + 1] = found[i]\n"
                           "  answer[#answer + 1] = tonumber(found[i + 1]) - now\n"
                           "  answer[#answer + 1] = redis.call('HGET', KEYS[3], found[i]) or ''\n"
                           "end\n"
                           "return answer\n";

enum { TOKEN, LEFT, HOLDER, PARTS };

struct permit {
    const char *name;
    int64_t waiting;
    const struct reply *parts; /* PARTS of each who holds one */
    size_t held;
};

static bool read_permit(const struct reply *reply, struct permit *permit)
{
    permit->waiting = reply->elements[0].integer;
    permit->parts = reply->elements + 1;
    permit->held = (reply->count - 1) / PARTS;
    for (size_t i = 0; i < permit->held; i++) {
        const struct reply *parts = permit->parts + i * PARTS;

        if (parts[TOKEN].type != REPLY_STRING || parts[LEFT].type != REPLY_INTEGER ||
            parts[HOLDER].type != REPLY_STRING)
            return false;
    }
    return reply->count == 1 + permit->held * PARTS;
}

static void print_permit(const struct permit *permit)
{
    console_print("", slice_from_text(permit->name));
    printf("  %zu held, %" PRId64 " waiting\n", permit->held, permit->waiting);
    for (size_t i = 0; i < permit->held; i++) {
        const struct reply *parts = permit->parts + i * PARTS;

        console_print("  ", parts[TOKEN].text);
        printf("  %" PRId64 ".%" PRId64 " s left", parts[LEFT].integer / 1000, parts[LEFT].integer % 1000 / 100);
        console_print("  ", parts[HOLDER].text);
        printf("\n");
    }
}

static void write_holder(struct json_writer *json, const struct reply *parts)
{
    json_writer_object_begin(json);
    json_writer_key(json, "token");
    json_writer_string(json, parts[TOKEN].text);
    json_writer_key(json, "holder");
    json_writer_string(json, parts[HOLDER].text);
    json_writer_key(json, "left_ms");
    json_writer_integer(json, parts[LEFT].integer);
    json_writer_object_end(json);
}

static void write_permit(struct json_writer *json, const struct permit *permit)
{
    json_writer_object_begin(json);
    json_writer_key(json, "name");
    json_writer_text(json, permit->name);
    json_writer_key(json, "held");
    json_writer_unsigned(json, permit->held);
    json_writer_key(json, "waiting");
    json_writer_integer(json, permit->waiting);
    json_writer_key(json, "holders");
    json_writer_array_begin(json);
    for (size_t i = 0; i < permit->held; i++)
        write_holder(json, permit->parts + i * PARTS);
    json_writer_array_end(json);
    json_writer_object_end(json);
}

static bool show(struct permits_command *command, const struct permit *permit, struct error *error)
{
    command->shown++;
    if (is_page(command))
        return permits_page_add(&command->page, permit->name, permit->held, (uint64_t)permit->waiting, error);
    if (!is_json(command)) {
        print_permit(permit);
        return true;
    }
    write_permit(&command->json, permit);
    if (is_lines(command))
        json_writer_newline(&command->json);
    return true;
}

/* ---- list -------------------------------------------------------------------------------------------------------- */

/* One that was found and is free meanwhile is not shown; one that was asked for is. */
static bool list_one(struct permits_command *command, const char *name, bool was_asked_for, struct error *error)
{
    struct question question = {.script = look};
    struct permit permit = {.name = name};
    struct reply reply;

    add_key(&question, name, "");
    add_key(&question, name, ":waiting");
    add_key(&question, name, ":holders");
    if (!question_ask(command->redis, &question, 1, &command->answers, &reply, error))
        return false;
    if (!read_permit(&reply, &permit))
        return error_set(error, ERROR_FATAL, "reply", "cannot understand the answer to a script");
    return (!was_asked_for && permit.held == 0 && permit.waiting == 0) || show(command, &permit, error);
}

static bool list_found(struct permits_command *command, struct error *error)
{
    struct permit_names names = {.names = NULL};
    bool good = permit_names_find(command->redis, &names, error);

    for (size_t i = 0; good && i < names.count; i++)
        good = list_one(command, names.names[i], false, error);
    if (good && names.is_cut)
        good = error_set(error, ERROR_FATAL, "output",
                         "there is too much in this Redis to look through: name the permits");
    permit_names_close(&names);
    return good;
}

static bool stands_before(char **names, int at)
{
    for (int i = 0; i < at; i++)
        if (strcmp(names[i], names[at]) == 0)
            return true;
    return false;
}

/* Each once: in a page for Prometheus a name that comes again spoils all of it. */
static bool list_named(struct permits_command *command, int count, char **names, struct error *error)
{
    for (int i = 0; i < count; i++)
        if (!stands_before(names, i) && !list_one(command, names[i], true, error))
            return false;
    return true;
}

static void begin_list(struct permits_command *command)
{
    if (!is_json(command) || is_lines(command))
        return;
    json_writer_object_begin(&command->json);
    json_writer_key(&command->json, "permits");
    json_writer_array_begin(&command->json);
}

static bool end_list(struct permits_command *command, struct error *error)
{
    if (is_json(command) && !is_lines(command)) {
        json_writer_array_end(&command->json);
        json_writer_object_end(&command->json);
        json_writer_newline(&command->json);
    }
    if (command->json.failed)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for the list");
    if (command->json.length > 0)
        fwrite(command->json.text, 1, command->json.length, stdout);
    if (is_page(command))
        permits_page_print(&command->page, stdout);
    else if (!is_json(command) && command->shown == 0)
        printf("no permit is held or waited for\n");
    return fflush(stdout) == 0 || error_set_errno(error, ERROR_FATAL, "output", "cannot write the list");
}

static bool list(struct permits_command *command, int count, char **names, struct error *error)
{
    begin_list(command);
    return (count == 0 ? list_found(command, error) : list_named(command, count, names, error)) &&
           end_list(command, error);
}

/* ---- release ----------------------------------------------------------------------------------------------------- */

/* KEYS: permits, holders, freed. ARGV: tokens; none: all. Answers how many, and which. Who lives and is told by a
 * renewal must find that it was freed, so that it does not take it back. */
static const char release_script[] =
    "local time = redis.call('TIME')\n"
    "local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)\n"
    "local tokens = #ARGV > 0 and ARGV or redis.call('ZRANGE', KEYS[1], 0, -1)\n"
    "local answer = {0}\n"
    "for _, token in ipairs(tokens) do\n"
    "  local ends = tonumber(redis.call('ZSCORE', KEYS[1], token) or 0)\n"
    "  redis.call('ZREM', KEYS[1], token)\n"
    "  redis.call('HDEL', KEYS[2], token)\n"
    "  if ends > now then\n"
    "    redis.call('ZADD', KEYS[3], string.format('%.0f', ends), token)\n"
    "    answer[1] = answer[1] + 1\n"
    "    answer[#answer + 1] = token\n"
    "  end\n"
    "end\n"
    "local last = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')[2]\n"
    "if last then redis.call('PEXPIRE', KEYS[3], string.format('%.0f', tonumber(last) - now + 60000)) end\n"
    "return answer\n";

static bool was_freed(const struct reply *reply, const char *token)
{
    for (size_t i = 1; i < reply->count; i++)
        if (slice_equal(reply->elements[i].text, slice_from_text(token)))
            return true;
    return false;
}

static bool release(struct permits_command *command, int count, char **words, bool *found_all, struct error *error)
{
    struct question question = {.script = release_script, .words = words + 1};
    struct reply reply;

    question.word_count = (size_t)count - 1;
    add_key(&question, words[0], "");
    add_key(&question, words[0], ":holders");
    add_key(&question, words[0], ":freed");
    if (!question_ask(command->redis, &question, 1, &command->answers, &reply, error))
        return false;

    size_t freed = reply.count - 1;
    *found_all = count > 1 || freed > 0;
    for (int i = 1; i < count; i++)
        if (!was_freed(&reply, words[i])) {
            console_say("nobody has the permit %s with the token %s", words[0], words[i]);
            *found_all = false;
        }
    console_say("%zu permit%s of %s freed", freed, freed == 1 ? "" : "s", words[0]);
    return true;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static bool check_list(bool all, int count, char **words, struct error *error)
{
    if (all)
        return error_set(error, ERROR_FATAL, "usage", "--all is for release");
    for (int i = 0; i < count; i++)
        if (!check_name(words[i], error))
            return false;
    return true;
}

static bool check_release(bool all, int count, char **words, struct error *error)
{
    if (count == 0 || (count == 1) != all)
        return error_set(error, ERROR_FATAL, "usage",
                         "expected release NAME and either tokens, as \"permits list\" shows them, or --all");
    return check_name(words[0], error);
}

static bool run(struct permits_command *command, int count, char **words, bool *found_all, struct error *error)
{
    const char *verb = count == 0 ? "" : words[0];
    bool lists = strcmp(verb, "list") == 0;
    bool all = command->configuration->all;

    if (!lists && strcmp(verb, "release") != 0)
        return error_set(error, ERROR_FATAL, "usage", "expected list or release, found \"%s\"", verb);

    count--;
    words++;
    if (!(lists ? check_list(all, count, words, error) : check_release(all, count, words, error)) ||
        !question_open(command->configuration, &command->redis, error))
        return false;
    return lists ? list(command, count, words, error) : release(command, count, words, found_all, error);
}

int permits_execute(const struct configuration *configuration, int count, char **words)
{
    struct permits_command command = {.configuration = configuration};
    struct error error = {.kind = ERROR_NONE};
    bool found_all = true;

    bool good = run(&command, count, words, &found_all, &error);
    if (!good)
        console_complain("permits", &error);
    redis_free(command.redis);
    arena_close(&command.answers);
    json_writer_close(&command.json);
    permits_page_close(&command.page);
    if (!good)
        return (int)exit_code_of(&error);
    return found_all ? EXIT_OK : EXIT_FINDINGS;
}
