/* taskledger-emit: say what tasks do, from a shell. */
#include "producer/emit/configuration.h"
#include "producer/emit/console.h"
#include "producer/emit/lines.h"
#include "producer/emit/run.h"
#include "producer/emit/stats.h"
#include "producer/emit/status.h"
#include "producer/emit/sweep.h"
#include "producer/environment.h"
#include "proto/completion.h"
#include "proto/descriptors.h"
#include "proto/exit_code.h"
#include "proto/manual.h"
#include "proto/nearest.h"

#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    const char *words; /* that it takes, as the list of commands has it */
    const char *usage; /* and with its options */
    const char *does;
    const char *notes;
    const char *example;
    const struct options_table *table;
    bool stops_at_word; /* what follows the first word belongs to somebody else */
    int usage_code;
    int (*execute)(const struct configuration *configuration, int count, char **words);
} commands[] = {
    {
        .name = "status",
        .words = "TASK_ID STATUS",
        .usage = "TASK_ID STATUS [OPTION...]",
        .does = "say one thing about one task",
        .notes = "STATUS is one of PENDING, QUEUED, RUNNING, RETRY, SUCCESS, PARTIAL_FAILURE, FAILURE and CANCELLED,\n"
                 "in any case.\n\n"
                 "Exit codes: 0 Redis has it, or the spool, which is said; 2 usage or configuration, 3 neither has.\n",
        .example = "taskledger-emit status order-4711 RUNNING --name invoice --step render --progress 0.4\n"
                   "taskledger-emit status order-4711 FAILURE --error-type TimeoutError --error 'no answer'\n",
        .table = &configuration_status,
        .usage_code = EXIT_USAGE,
        .execute = status_execute,
    },
    {
        .name = "lines",
        .words = "<FILE",
        .usage = "[OPTION...] <FILE",
        .does = "say what standard input says, one JSON object a line",
        .notes =
            "Keys: task_id, status, attempt, task_name, worker, step, progress, message, queue, parent_task_id,\n"
            "traceparent, error (an object with type, message, traceback), data_json or data (an object), and\n"
            "occurred_at (RFC 3339). Lines with other keys, wrong values or no JSON are told by number and passed\n"
            "over.\n\n"
            "Exit codes: 0 Redis has all, or the spool, which is said; 1 some lines were bad, 2 usage or "
            "configuration,\n"
            "3 neither has all, 4 input could not be read, 130 interrupted.\n",
        .example = "taskledger-emit lines <events.jsonl\n",
        .table = &configuration_lines,
        .usage_code = EXIT_USAGE,
        .execute = lines_execute,
    },
    {
        .name = "run",
        .words = "COMMAND...",
        .usage = "[OPTION...] [--] COMMAND [ARGUMENT...]",
        .does = "run a command as a task",
        .notes =
            "Says RUNNING, then SUCCESS or FAILURE with exit code or signal, wall time, CPU time and peak memory;\n"
            "not the command's arguments, which may hold secrets. The command keeps its input, output, signals\n"
            "and exit status, and never waits for Redis. It can tell its steps:\n\n"
            "    taskledger-emit status \"$TASKLEDGER_TASK_ID\" RUNNING --attempt \"$TASKLEDGER_ATTEMPT\" --step "
            "render\n\n"
            "When it has ended, a signal ends the waiting for Redis.\n\n"
            "Exit codes: the command's own; 125 it was not started, 126 it is not executable, 127 there is none.\n",
        .example = "taskledger-emit run --task-id nightly-report -- ./make-report --day yesterday\n",
        .table = &configuration_run,
        .stops_at_word = true,
        .usage_code = EXIT_RUN_FAILED,
        .execute = run_execute,
    },
    {
        .name = "sweep",
        .words = "",
        .usage = "[OPTION...]",
        .does = "send what producers that are gone left in the spool",
        .notes =
            "Any producer with the same spool folder does this now and then by itself, and so do status, run\n"
            "and lines when they are done; this is for when there is none, before a machine goes for instance. What\n"
            "living producers have there is left alone. Says how much it sent and how much is left.\n\n"
            "Exit codes: 0 nothing is left, 2 usage or configuration, 3 Redis could not be reached or refuses, 4 some\n"
            "is left, 130 interrupted.\n",
        .example = "taskledger-emit sweep --wait\n",
        .table = &configuration_sweep,
        .usage_code = EXIT_USAGE,
        .execute = sweep_execute,
    },
    {
        .name = "stats",
        .words = "",
        .usage = "[OPTION...]",
        .does = "what the producers of this host have done, and what is in their spools",
        .notes =
            "Of all who have a spool in the folder; the living tell their counters once a second, those who are gone\n"
            "told them while they lived. With --spool overflow a producer has none while Redis is well, and is not\n"
            "shown. Redis is not asked.\n\n"
            "Exit codes: 0, 2 usage or configuration, 4 the folder cannot be read.\n",
        .example = "taskledger-emit stats --format json\n",
        .table = &configuration_stats,
        .usage_code = EXIT_USAGE,
        .execute = stats_execute,
    },
};

enum { COMMANDS = sizeof commands / sizeof *commands };

/* ---- what people read -------------------------------------------------------------------------------------------- */

static const struct option_spec own_specs[] = {
    {.flag = "--version", .type = OPTION_BOOLEAN, .help = "print the version"},
    {.flag = "--print-completion",
     .type = OPTION_CHOICE,
     .choices = COMPLETION_SHELLS,
     .value = "SHELL",
     .help = "print what makes that shell complete commands and flags"},
};

static const struct options_table own_options = {
    .program = "taskledger-emit", .specs = own_specs, .count = sizeof own_specs / sizeof *own_specs};

static struct program_command about_command(const struct command *command)
{
    return (struct program_command){
        .name = command->name,
        .arguments = command->words,
        .usage = command->usage,
        .summary = command->does,
        .description = command->notes,
        .example = command->example,
        .options = configuration_own(command->table),
        .stops_at_word = command->stops_at_word,
    };
}

static const struct program *about(void)
{
    static struct program_command told[COMMANDS];
    static struct program program = {
        .name = "taskledger-emit",
        .section = 1,
        .summary = "say what tasks do",
        .usage = "COMMAND [OPTION...]",
        .description = "Exit codes: 0 Redis has it, or the spool, which is said; 1 findings, 2 usage or\n"
                       "configuration, 3 neither Redis nor the spool has it, 4 not all could be sent or read,\n"
                       "130 interrupted. \"run\" exits as its command did.\n",
        .commands = told,
        .count = COMMANDS,
    };

    for (size_t i = 0; i < COMMANDS; i++)
        told[i] = about_command(&commands[i]);
    program.version = taskledger_version();
    program.alone = own_options;
    program.shared = configuration_shared(commands[0].table);
    return &program;
}

static int print_help(const char *unused)
{
    (void)unused;
    program_print_help(about(), stdout);
    return EXIT_OK;
}

static int print_command_help(const struct command *command)
{
    const struct program_command told = about_command(command);

    program_print_command_help(about(), &told, stdout);
    return EXIT_OK;
}

/* Its pages, for deploy/manuals. */
static int print_manual(const char *folder)
{
    struct error error = {.kind = ERROR_NONE};

    if (manual_write(about(), folder, &error))
        return EXIT_OK;
    console_say("%s", error.text);
    return (int)exit_code_of(&error);
}

static int print_completion(const char *shell)
{
    if (completion_print(about(), shell, stdout))
        return EXIT_OK;
    console_say("expected one of %s, found \"%s\"", COMPLETION_SHELLS, shell);
    return EXIT_USAGE;
}

static int print_version(const char *unused)
{
    (void)unused;
    printf("taskledger-emit %s\n", taskledger_version());
    return EXIT_OK;
}

/* The options as a part of deploy/CONFIGURATION.md. */
static int print_configuration(const char *unused)
{
    (void)unused;
    for (int i = 0; i < COMMANDS; i++) {
        struct options_table own = configuration_own(commands[i].table);

        printf("### %s\n\n", own.program);
        options_print_markdown(&own, stdout);
        printf("\n");
    }
    struct options_table shared = configuration_shared(commands[0].table);

    printf("### all commands of taskledger-emit\n\n");
    options_print_markdown(&shared, stdout);
    return EXIT_OK;
}

/* The same for the library, which no program is but which is in this one. */
static int print_library_configuration(const char *unused)
{
    (void)unused;
    options_print_markdown(&environment_table, stdout);
    return EXIT_OK;
}

static const struct {
    const char *flag;
    int (*print)(const char *value);
    bool takes_value;
} pages[] = {
    {"-h", print_help, false},
    {"--help", print_help, false},
    {"--version", print_version, false},
    {"--print-configuration", print_configuration, false},
    {"--print-library-configuration", print_library_configuration, false},
    {"--print-completion", print_completion, true},
    {"--print-manual", print_manual, true},
};

/* ---- what is run ------------------------------------------------------------------------------------------------- */

static int execute(const struct command *command, int argc, char **argv)
{
    struct configuration configuration = {.enabled = true};
    struct error environment = {.kind = ERROR_NONE};
    struct error usage = {.kind = ERROR_NONE};

    /* Somebody who asks for help gets it, however wrong the environment is. */
    bool sound = options_from_environment(command->table, &configuration, &environment);
    if (!options_from_arguments(command->table, &configuration, command->stops_at_word, &argc, argv, &usage)) {
        console_complain(command->name, &usage);
        return command->usage_code;
    }
    if (configuration.help)
        return print_command_help(command);
    if (!sound) {
        console_complain(command->name, &environment);
        return command->usage_code;
    }
    return command->execute(&configuration, argc - 1, argv + 1);
}

static int complain_of_command(const char *name)
{
    struct error error = {.kind = ERROR_NONE};
    struct nearest nearest;

    nearest_init(&nearest, slice_from_text(name));
    for (int i = 0; i < COMMANDS; i++)
        nearest_offer(&nearest, commands[i].name);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        nearest_offer(&nearest, pages[i].flag);
    nearest_refuse(&nearest, "command", "; see taskledger-emit --help", &error);
    console_say("%s", error.text);
    return EXIT_USAGE;
}

/* `value` is what follows the flag; NULL: nothing. */
static int print_page(size_t number, const char *value)
{
    if (value != NULL || !pages[number].takes_value)
        return pages[number].print(value);
    console_say("%s needs a value", pages[number].flag);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    const char *name = argc < 2 ? "" : argv[1];

    descriptors_fill_standard();
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strcmp(name, pages[i].flag) == 0)
            return print_page(i, argv[2]);
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return execute(&commands[i], argc - 1, argv + 1);

    if (argc >= 2)
        return complain_of_command(name);
    console_say("a command is missing (status, lines, run, sweep or stats); see taskledger-emit --help");
    return EXIT_USAGE;
}
