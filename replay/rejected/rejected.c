#include "replay/rejected/rejected.h"

#include "consumer/postgres/postgres.h"
#include "proto/decimal.h"
#include "proto/nearest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *word;
    const char *arguments;
    int argument_min;
    int argument_max;
    rejected_part *run;
} parts[] = {
    {"list", "[REASON...]", 0, COMMAND_ARGUMENTS_ANY, rejected_list},
    {"show", "ID", 1, 1, rejected_show},
    {"retry", "ID...", 1, COMMAND_ARGUMENTS_ANY, rejected_retry},
    {"discard", "ID...", 1, COMMAND_ARGUMENTS_ANY, rejected_discard},
};

enum { PARTS = sizeof parts / sizeof *parts };

bool rejected_id(const char *word, int64_t *id, struct error *error)
{
    uint64_t number;

    if (!decimal_read(slice_from_text(word), INT64_MAX, &number) || number == 0)
        return error_set(error, ERROR_FATAL, "usage",
                         "an ID is a number as \"taskledger-replay rejected list\" prints it, not \"%s\"", word);
    *id = (int64_t)number;
    return true;
}

void rejected_event_name(struct slice producer_id, struct slice sequence, char text[REJECTED_EVENT_BYTES])
{
    char name[UUID_TEXT_BYTES];

    text[0] = '\0';
    if (producer_id.data == NULL || sequence.data == NULL)
        return;
    const struct uuid id = postgres_read_uuid(producer_id);
    uuid_format(&id, name);
    snprintf(text, REJECTED_EVENT_BYTES, "%s#%" PRId64, name, postgres_read_int64(sequence));
}

static bool unknown(const char *word, struct error *error)
{
    struct nearest nearest;

    nearest_init(&nearest, slice_from_text(word));
    for (size_t i = 0; i < PARTS; i++)
        nearest_offer(&nearest, parts[i].word);
    return nearest_refuse(&nearest, "word", "", error);
}

static int count(char *const *arguments)
{
    int number = 0;

    while (arguments[number] != NULL)
        number++;
    return number;
}

static bool run(struct replay *replay, char *const *arguments, enum exit_code *exit, struct error *error)
{
    int given = count(arguments + 1);

    for (size_t i = 0; i < PARTS; i++) {
        if (strcmp(parts[i].word, arguments[0]) != 0)
            continue;
        if (given < parts[i].argument_min || given > parts[i].argument_max)
            return error_set(error, ERROR_FATAL, "usage", "rejected %s takes %s", parts[i].word, parts[i].arguments);
        return parts[i].run(replay, arguments + 1, exit, error);
    }
    return unknown(arguments[0], error);
}

static const char *const flags[] = {"--all", "--reason", SETTINGS_LIMIT_OF_ROWS, NULL};

const struct command rejected_command = {
    .name = "rejected",
    .arguments = "list|show|retry|discard [ID...]",
    .argument_min = 1,
    .argument_max = COMMAND_ARGUMENTS_ANY,
    .summary = "what was set aside: list it, look at it, apply it again, or discard it",
    .description =
        "  list     what is not resolved, or with --all everything; only of these\n"
        "           REASONs, if any are named\n"
        "  show     one of them: where it came from, why it was set aside, what its\n"
        "           bytes say, and the bytes\n"
        "  retry    apply the stored bytes again, under the same identity, as if they\n"
        "           came from the stream now\n"
        "  discard  leave it aside for good\n"
        "\n"
        "retry and discard take --reason, and need a login with the rights of taskledger_writer. The row stays, with\n"
        "who resolved it and why, and its number stays held.\n"
        "\n"
        "Exit codes: 0 ok; list: none is unresolved, 1 retry, discard: not all could be resolved; list: some are not,\n"
        "3 the rights are missing, 6 somebody else does this at the moment.\n",
    .example = "taskledger-replay rejected list\n"
               "taskledger-replay rejected retry 17 18 --reason 'the consumer knows this status now'\n",
    .flags = flags,
    .is_read = true,
    .run = run,
};
