#include "producer/emit/claims.h"

#include "producer/emit/console.h"
#include "producer/emit/question.h"
#include "producer/lease/claim.h"
#include "proto/exit_code.h"
#include "proto/json_writer.h"
#include "proto/rfc3339.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* KEYS: the claim. Answers whether it is held, the greatest attempt, since when and for how long, and by whom. To
 * release is to take the token away and leave another behind, which nobody has: its holder, if he lives, finds that it is
 * not his any more. The attempt stays. What takes no memory is written first: then maxmemory refuses nothing. */
static const char script[] =
    "local time = redis.call('TIME')\n"
    "local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)\n"
    "local found = redis.call('HMGET', KEYS[1], 'attempt', 'since_ms', 'until_ms', 'holder')\n"
    "local attempt, since, ends = tonumber(found[1] or 0), tonumber(found[2] or 0), tonumber(found[3] or 0)\n"
    "if ends <= now then return {0, attempt, 0, 0, ''} end\n"
    "if ARGV[1] == 'release' then\n"
    "  redis.call('HDEL', KEYS[1], 'holder', 'since_ms')\n"
    "  redis.call('HSET', KEYS[1], 'token', '', 'until_ms', '0')\n"
    "end\n"
    "return {1, attempt, since, ends - now, found[4] or ''}\n";

enum { HELD, ATTEMPT, SINCE_MS, LEFT_MS, NUMBERS };

struct claim {
    const char *task_id;
    int64_t numbers[NUMBERS];
    struct slice holder;
};

static bool ask(struct redis *redis, char *verb, const char *task_id, struct arena *arena, struct claim *claim,
                struct error *error)
{
    struct question question = {.script = script, .key_count = 1, .words = &verb, .word_count = 1};
    struct reply reply = {.type = REPLY_NIL};

    snprintf(question.keys[0], QUESTION_KEY_BYTES_MAX, CLAIM_KEY "{%s}", task_id);
    if (!question_ask(redis, &question, NUMBERS, arena, &reply, error))
        return false;
    if (reply.count != NUMBERS + 1 || reply.elements[NUMBERS].type != REPLY_STRING)
        return error_set(error, ERROR_FATAL, "reply", "cannot understand the answer to a script");
    *claim = (struct claim){.task_id = task_id, .holder = reply.elements[NUMBERS].text};
    for (size_t i = 0; i < NUMBERS; i++)
        claim->numbers[i] = reply.elements[i].integer;
    return true;
}

/* ---- what is shown of each --------------------------------------------------------------------------------------- */

static void print_claim(const struct claim *claim)
{
    const int64_t *numbers = claim->numbers;
    char since[RFC3339_TEXT_BYTES];

    console_print("", slice_from_text(claim->task_id));
    if (numbers[HELD] == 1) {
        rfc3339_format(numbers[SINCE_MS] * 1000, since);
        printf("  attempt %" PRId64 "  since %s  %" PRId64 ".%" PRId64 " s left", numbers[ATTEMPT], since,
               numbers[LEFT_MS] / 1000, numbers[LEFT_MS] % 1000 / 100);
        console_print("  ", claim->holder);
    } else if (numbers[ATTEMPT] > 0) {
        printf("  free  the last attempt was %" PRId64, numbers[ATTEMPT]);
    } else {
        printf("  free  no attempt is known");
    }
    printf("\n");
}

static void write_number(struct json_writer *json, const char *key, int64_t value)
{
    json_writer_key(json, key);
    json_writer_integer(json, value);
}

static void write_claim(struct json_writer *json, const struct claim *claim)
{
    const int64_t *numbers = claim->numbers;
    char since[RFC3339_TEXT_BYTES];

    json_writer_object_begin(json);
    json_writer_key(json, "task_id");
    json_writer_text(json, claim->task_id);
    json_writer_key(json, "held");
    json_writer_boolean(json, numbers[HELD] == 1);
    write_number(json, "attempt", numbers[ATTEMPT]);
    if (numbers[HELD] == 1) {
        rfc3339_format(numbers[SINCE_MS] * 1000, since);
        json_writer_key(json, "holder");
        json_writer_string(json, claim->holder);
        json_writer_key(json, "since");
        json_writer_text(json, since);
        write_number(json, "left_ms", numbers[LEFT_MS]);
    }
    json_writer_object_end(json);
}

/* ---- the commands ------------------------------------------------------------------------------------------------ */

static bool print_all(const struct json_writer *json, struct error *error)
{
    if (json->failed)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not get memory for the list");
    if (json->length > 0)
        printf("%s", json->text);
    return fflush(stdout) == 0 || error_set_errno(error, ERROR_FATAL, "output", "cannot write the list");
}

/* As `format` says: for people, one JSON, or one a line. */
static bool show(struct redis *redis, const char *format, char **task_ids, struct error *error)
{
    bool for_people = strcmp(format, "table") == 0;
    bool in_one = strcmp(format, "json") == 0;
    struct json_writer json = {.text = NULL};
    struct arena arena = {.first = NULL};
    struct claim claim = {.task_id = NULL};
    bool good = true;

    if (in_one)
        json_writer_array_begin(&json);
    for (size_t i = 0; task_ids[i] != NULL && good; i++) {
        good = ask(redis, (char[]){"show"}, task_ids[i], &arena, &claim, error);
        if (good && for_people)
            print_claim(&claim);
        else if (good)
            write_claim(&json, &claim);
        if (good && strcmp(format, "jsonl") == 0)
            json_writer_newline(&json);
    }
    if (in_one) {
        json_writer_array_end(&json);
        json_writer_newline(&json);
    }
    good = good && print_all(&json, error);
    json_writer_close(&json);
    arena_close(&arena);
    return good;
}

static bool release(struct redis *redis, char **task_ids, bool *found_all, struct error *error)
{
    struct arena arena = {.first = NULL};
    struct claim claim = {.task_id = NULL};
    bool good = true;

    for (size_t i = 0; task_ids[i] != NULL && good; i++) {
        good = ask(redis, (char[]){"release"}, task_ids[i], &arena, &claim, error);
        if (!good)
            break;
        if (claim.numbers[HELD] == 1)
            console_say("%s freed, which %.*s had", task_ids[i], SLICE_PRINT(claim.holder));
        else
            console_say("nobody has %s", task_ids[i]);
        *found_all = *found_all && claim.numbers[HELD] == 1;
    }
    arena_close(&arena);
    return good;
}

static bool check(const char *verb, int count, char **task_ids, struct error *error)
{
    if (strcmp(verb, "show") != 0 && strcmp(verb, "release") != 0)
        return error_set(error, ERROR_FATAL, "usage", "expected show or release, found \"%s\"", verb);
    if (count == 0)
        return error_set(error, ERROR_FATAL, "usage", "expected the IDs of tasks");
    for (int i = 0; i < count; i++)
        if (task_ids[i][0] == '\0' || strlen(task_ids[i]) > TERMS_NAME_BYTES_MAX)
            return error_set(error, ERROR_FATAL, "usage", "expected the ID of a task, 1 to %d bytes, found \"%s\"",
                             TERMS_NAME_BYTES_MAX, task_ids[i]);
    return true;
}

static bool run(const struct configuration *configuration, int count, char **words, bool *found_all,
                struct error *error)
{
    const char *verb = count == 0 ? "" : words[0];
    struct redis *redis = NULL;

    if (!check(verb, count - 1, words + 1, error) || !question_open(configuration, &redis, error))
        return false;
    bool good = strcmp(verb, "show") == 0 ? show(redis, configuration->format, words + 1, error)
                                          : release(redis, words + 1, found_all, error);
    redis_free(redis);
    return good;
}

int claims_execute(const struct configuration *configuration, int count, char **words)
{
    struct error error = {.kind = ERROR_NONE};
    bool found_all = true;

    if (!run(configuration, count, words, &found_all, &error)) {
        console_complain("claims", &error);
        return (int)exit_code_of(&error);
    }
    return found_all ? EXIT_OK : EXIT_FINDINGS;
}
