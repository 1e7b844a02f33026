/* lease_driver: a process with claims and permits in it, which does what the lines on its stdin say, for the tests.
 *
 *     lease_driver JOURNAL
 *
 *     claim PLACE LEASE_MS WAIT_MS TIMEOUT_MS HOLDER TASK_ID
 *     permit PLACE LEASE_MS WAIT_MS TIMEOUT_MS LIMIT LOCAL_LIMIT HOLDER NAME
 *     next PLACE          begin the next attempt under that claim
 *     held PLACE
 *     release PLACE
 *     fork PLACE          a child looks at it, releases it, and ends without closing
 *     counters
 *     close MS            the producer, with all that is held; then the process ends
 *     exit                by exit(3), without closing
 *
 * PLACE is a number below PLACES, where a lease is kept; HOLDER "-" is nobody. Each command is answered by a line of
 * JSON, a claim that another holds by two: who that is comes first. The producer's options are those of the environment.
 *
 * JOURNAL is tests/support/lease_journal.h's. */
#include "producer/taskledger/lease.h"
#include "proto/json_writer.h"
#include "tests/support/lease_journal.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PLACES = 64, WORDS_MAX = 9 };

static struct taskledger_producer *producer;
static struct lease_place places[PLACES];

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static void put_text(struct json_writer *json, const char *key, const char *text)
{
    json_writer_key(json, key);
    json_writer_text(json, text);
}

static void put_number(struct json_writer *json, const char *key, int64_t value)
{
    json_writer_key(json, key);
    json_writer_integer(json, value);
}

static struct json_writer begin_answer(void)
{
    struct json_writer json = {.text = NULL};

    json_writer_object_begin(&json);
    return json;
}

/* Only write(2): the child of a process with threads must not wait for stdio's lock. */
static void end_answer(struct json_writer *json)
{
    json_writer_object_end(json);
    json_writer_newline(json);
    if (json->failed || write(STDOUT_FILENO, json->text, json->length) != (ssize_t)json->length)
        _exit(3);
    json_writer_close(json);
}

static void answer_number(const char *key, int64_t value)
{
    struct json_writer json = begin_answer();

    put_number(&json, key, value);
    end_answer(&json);
}

static void tell_holder(const struct taskledger_holder *holder)
{
    struct json_writer json = begin_answer();

    put_text(&json, "name", holder->name);
    put_number(&json, "attempt", holder->attempt);
    put_number(&json, "since_us", holder->since_us);
    put_number(&json, "left_ms", holder->left_ms);
    end_answer(&json);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static const char *text_of(const char *word)
{
    return strcmp(word, "-") == 0 ? NULL : word;
}

static int32_t number_of(const char *word)
{
    return (int32_t)strtol(word, NULL, 10);
}

/* What came of a request, in the place if it was granted. */
static void finish(struct lease_place *place, enum taskledger_lease_result result, struct taskledger_lease *lease,
                   const char *name, int64_t asked_us)
{
    struct json_writer json = begin_answer();

    if (lease != NULL)
        lease_journal_keep(place, lease, name, asked_us);
    put_text(&json, "result", taskledger_lease_result_name(result));
    put_number(&json, "asked_us", asked_us);
    put_number(&json, "answered_us", lease_journal_now_us());
    put_text(&json, "reason", taskledger_lease_reason());
    if (lease != NULL) {
        put_number(&json, "attempt", taskledger_lease_attempt(lease));
        put_number(&json, "left_ms", taskledger_lease_left_ms(lease));
        put_number(&json, "local", taskledger_lease_is_local(lease));
    }
    end_answer(&json);
}

/* Who has it is told in a line of its own before. */
static void claim(struct lease_place *place, char **words)
{
    struct taskledger_claim_request request = TASKLEDGER_CLAIM_INIT;
    struct taskledger_holder holder = TASKLEDGER_HOLDER_INIT;
    struct taskledger_lease *lease = NULL;
    int64_t asked_us = lease_journal_now_us();

    request.lease_ms = number_of(words[0]);
    request.wait_ms = number_of(words[1]);
    request.timeout_ms = number_of(words[2]);
    request.holder = text_of(words[3]);
    request.task_id = words[4];
    enum taskledger_lease_result result = taskledger_claim(producer, &request, &lease, &holder);
    if (result == TASKLEDGER_HELD)
        tell_holder(&holder);
    finish(place, result, lease, words[4], asked_us);
}

static void permit(struct lease_place *place, char **words)
{
    struct taskledger_permit_request request = TASKLEDGER_PERMIT_INIT;
    struct taskledger_lease *lease = NULL;
    int64_t asked_us = lease_journal_now_us();

    request.lease_ms = number_of(words[0]);
    request.wait_ms = number_of(words[1]);
    request.timeout_ms = number_of(words[2]);
    request.limit = (uint32_t)number_of(words[3]);
    request.local_limit = (uint32_t)number_of(words[4]);
    request.holder = text_of(words[5]);
    request.name = words[6];
    enum taskledger_lease_result result = taskledger_permit(producer, &request, &lease);
    finish(place, result, lease, words[6], asked_us);
}

/* ---- what is held ------------------------------------------------------------------------------------------------ */

static void next(struct lease_place *place, char **unused)
{
    (void)unused;
    answer_number("attempt", taskledger_lease_next_attempt(place->lease));
}

static void held(struct lease_place *place, char **unused)
{
    struct json_writer json = begin_answer();

    (void)unused;
    put_number(&json, "held", taskledger_lease_is_held(place->lease));
    put_number(&json, "left_ms", taskledger_lease_left_ms(place->lease));
    put_number(&json, "attempt", taskledger_lease_attempt(place->lease));
    end_answer(&json);
}

static void release(struct lease_place *place, char **unused)
{
    (void)unused;
    taskledger_lease_release(lease_journal_take(place));
    answer_number("released", 1);
}

static void fork_child(struct lease_place *place, char **unused)
{
    int status = -1;
    pid_t child = fork();

    (void)unused;
    if (child == 0) {
        int was_held = taskledger_lease_is_held(place->lease);

        taskledger_lease_release(place->lease);
        _exit(was_held);
    }
    waitpid(child, &status, 0);
    answer_number("held", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* ---- the process ------------------------------------------------------------------------------------------------- */

static void counters(struct lease_place *unused, char **none)
{
    struct taskledger_counters now = TASKLEDGER_COUNTERS_INIT;
    struct json_writer json = begin_answer();

    (void)unused;
    (void)none;
    taskledger_counters(producer, &now);
    put_number(&json, "claims_granted", (int64_t)now.claims_granted);
    put_number(&json, "claims_held", (int64_t)now.claims_held);
    put_number(&json, "claims_lost", (int64_t)now.claims_lost);
    put_number(&json, "permits_granted", (int64_t)now.permits_granted);
    put_number(&json, "permits_local", (int64_t)now.permits_local);
    put_number(&json, "permits_timed_out", (int64_t)now.permits_timed_out);
    put_number(&json, "permits_lost", (int64_t)now.permits_lost);
    put_number(&json, "leases_away", (int64_t)now.leases_away);
    put_number(&json, "leases_held", (int64_t)now.leases_held);
    put_number(&json, "leases_waiting", (int64_t)now.leases_waiting);
    put_number(&json, "lease_connected", now.lease_connected);
    put_text(&json, "lease_error", now.lease_error);
    end_answer(&json);
}

/* Leases are not looked at any more from here on: closing lets go of them. */
static void take_all(void)
{
    for (size_t i = 0; i < PLACES; i++)
        lease_journal_take(&places[i]);
}

static void close_producer(struct lease_place *unused, char **words)
{
    (void)unused;
    take_all();
    answer_number("left", (int64_t)taskledger_close(producer, number_of(words[0])));
    exit(0); /* NOLINT(concurrency-mt-unsafe): nobody else ends it */
}

static void leave(struct lease_place *unused, char **none)
{
    (void)unused;
    (void)none;
    take_all();
    exit(0); /* NOLINT(concurrency-mt-unsafe): that is the point */
}

static const struct command {
    const char *name;
    size_t words; /* behind the place */
    bool has_place;
    void (*obey)(struct lease_place *place, char **words);
} commands[] = {
    {"claim", 5, true, claim},        {"permit", 7, true, permit},         {"next", 0, true, next},
    {"held", 0, true, held},          {"release", 0, true, release},       {"fork", 0, true, fork_child},
    {"counters", 0, false, counters}, {"close", 1, false, close_producer}, {"exit", 0, false, leave},
};

/* False: it is no command, or has not the words that it needs. */
static bool obey(char **words, size_t count)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *command = &commands[i];
        size_t before = command->has_place ? 2 : 1;
        long place = count > 1 && command->has_place ? strtol(words[1], NULL, 10) : 0;

        if (strcmp(words[0], command->name) != 0)
            continue;
        if (count != before + command->words || place < 0 || place >= PLACES)
            return false;
        command->obey(&places[place], words + before);
        return true;
    }
    return false;
}

static size_t split(char *line, char *words[WORDS_MAX])
{
    size_t count = 0;
    char *rest = NULL;

    for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < WORDS_MAX;
         word = strtok_r(NULL, " \n", &rest))
        words[count++] = word;
    return count;
}

int main(int argc, char **argv)
{
    struct taskledger_options options = TASKLEDGER_OPTIONS_INIT;
    char reason[300] = "cannot make the journal";
    char line[1024];

    if (argc != 2 || !lease_journal_open(argv[1], places, PLACES) ||
        taskledger_options_from_environment(&options, reason, sizeof reason) != 0 ||
        (producer = taskledger_open(&options, reason, sizeof reason)) == NULL) {
        fprintf(stderr, "%s\n", reason);
        return 2;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *words[WORDS_MAX];
        size_t count = split(line, words);

        if (count == 0 || !obey(words, count)) {
            fprintf(stderr, "not understood: %s\n", line);
            return 2;
        }
    }
    return 0;
}
