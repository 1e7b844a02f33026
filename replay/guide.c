#include "replay/guide.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct settings_table own[GUIDE_COMMANDS_MAX];
static struct settings_table alone;
static struct settings_table shared;
static struct program_command told[GUIDE_COMMANDS_MAX];

static struct program program = {
    .name = "taskledger-replay",
    .section = 1,
    .version = TASKLEDGER_VERSION,
    .summary = "answers from the ledger",
    .usage = "COMMAND [OPTION...]",
    .description =
        "Exit codes: 0 ok, 1 findings, or no such task, 2 usage or configuration, 3 PostgreSQL is not there\n"
        "or does not let us in, 4 not all could be told or checked, 5 diverged from a seal, 6 another run is\n"
        "at it, 70 a bug, 130 interrupted.\n",
    .commands = told,
};

static struct program_command about(const struct command *command, struct settings_table *part)
{
    settings_own(part, command->flags);
    return (struct program_command){
        .name = command->name,
        .arguments = command->arguments,
        .summary = command->summary,
        .description = command->description,
        .example = command->example,
        .options = part->table,
    };
}

const struct program *guide_of(const struct command *const *commands, size_t count)
{
    assert(count <= GUIDE_COMMANDS_MAX);
    for (size_t i = 0; i < count; i++)
        told[i] = about(commands[i], &own[i]);
    settings_alone(&alone);
    settings_shared(&shared);
    program.count = count;
    program.alone = alone.table;
    program.shared = shared.table;
    return &program;
}

const struct program_command *guide_find(const struct program *guide, const char *name)
{
    size_t i = 0;

    while (i < guide->count && strcmp(guide->commands[i].name, name) != 0)
        i++;
    assert(i < guide->count);
    return &guide->commands[i];
}

void guide_print_configuration(const struct program *guide)
{
    for (size_t i = 0; i < guide->count; i++) {
        if (guide->commands[i].options.count == 0)
            continue;
        printf("### taskledger-replay %s\n\n", guide->commands[i].name);
        options_print_markdown(&guide->commands[i].options, stdout);
        printf("\n");
    }
    printf("### all commands of taskledger-replay\n\n");
    options_print_markdown(&guide->shared, stdout);
}
