/* taskledger-emit: say what tasks do, from a shell. */
#include "producer/emit/bridge/bridge.h"
#include "producer/emit/claims.h"
#include "producer/emit/configuration.h"
#include "producer/emit/console.h"
#include "producer/emit/lines.h"
#include "producer/emit/permits.h"
#include "producer/emit/reference.h"
#include "producer/emit/run/outcome.h"
#include "producer/emit/run/run.h"
#include "producer/emit/stats.h"
#include "producer/emit/status.h"
#include "producer/emit/sweep.h"
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
            "Says RUNNING when it starts and each --heartbeat, then SUCCESS or FAILURE; not the command's arguments,\n"
            "which may hold secrets. The command keeps its input, output, signals and exit status, and never waits "
            "for\n"
            "Redis. It can tell its steps, which are repeated with each heartbeat and where it fails:\n\n"
            "    taskledger-emit status \"$TASKLEDGER_TASK_ID\" RUNNING --attempt \"$TASKLEDGER_ATTEMPT\" --step "
            "render\n\n"
            "What it says through the library is not known to us and hidden by the next heartbeat: --heartbeat 0 "
            "then.\n\n"
            "The data says exit_code, or signal and core_dumped, when it has ended, and at each time wall_seconds,\n"
            "cpu_user_seconds, cpu_system_seconds, rss_bytes (while it runs: of all its processes, now) and\n"
            "max_rss_bytes (the most that was seen: of all of them at a heartbeat, or of one of them at its end).\n\n"
            "--timeout is each attempt's: the command and all that it has started get SIGTERM, and after --kill-after\n"
            "SIGKILL; the error's type is Timeout. --retries follow any exit code but 0, a death by a signal and a\n"
            "timeout, with RETRY in between and a greater attempt each; not a command that cannot be run, and not "
            "when\n"
            "it was us who got SIGINT, SIGQUIT, SIGTERM or a SIGHUP that ended the command. A wait is drawn from the\n"
            "upper half of the delay, which doubles up to 15 minutes; a signal in it ends us, and the task is "
            "CANCELLED.\n\n"
            "--claim starts the command once, however many hosts are told to: whoever has the task's claim runs it,\n"
            "under the attempt that the claim gives; the others say who that is and exit with --claim-held-exit. A\n"
            "claim is renewed while the command runs. When it is lost all the same (Redis was away for longer than\n"
            "--lease, or we were stopped), others may begin: the command is ended as by --timeout, and the error's\n"
            "type is ClaimLost. --permit waits in a line for one of N, for each attempt; the task is QUEUED "
            "meanwhile,\n"
            "and a permit that is lost is told, no more. While Redis is away neither is given, but for\n"
            "--permit-local; waiting for them goes on as long as it may.\n\n"
            "When the command has ended for good, a signal ends the waiting for Redis.\n\n"
            "Exit codes: the command's own; 75 others have the claim, it was lost, or no permit came in time; 124 the\n"
            "command was ended by --timeout, 125 it was not started, 126 it is not executable, 127 there is none.\n",
        .example =
            "taskledger-emit run --task-id nightly-report -- ./make-report --day yesterday\n"
            "taskledger-emit run --claim --claim-held-exit 0 --task-id \"backup-$(date +%F)\" --timeout 2h --retries 2 "
            "./backup\n"
            "taskledger-emit run --permit tts:3 --permit-wait 10m -- ./speak chapter-7\n",
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
            "With --format prometheus counters are those of the living, each by itself.\n\n"
            "Exit codes: 0, 2 usage or configuration, 4 the folder cannot be read.\n",
        .example = "taskledger-emit stats --format json\n"
                   "taskledger-emit stats --format prometheus >taskledger.prom.new && mv taskledger.prom.new "
                   "taskledger.prom\n",
        .table = &configuration_stats,
        .usage_code = EXIT_USAGE,
        .execute = stats_execute,
    },
    {
        .name = "bridge",
        .words = "",
        .usage = "--list NAME [OPTION...]",
        .does = "emit what others still push to a list, as JSON",
        .notes =
            "For coming over from pub/sub and a list: deploy/MIGRATION.md tells how. Each item of the list, an\n"
            "object with task_request_id, status, timestamp, data, worker_container and task_name, becomes an event\n"
            "at least once: it leaves Redis only when the stream has the event, or, with --spool always, the disk.\n"
            "What is in hand when the bridge dies the next one with the same --instance takes up. What cannot be\n"
            "understood is set aside in LIST:taskledger-bridge:rejected, and told. Pub/sub is not read: what nobody\n"
            "hears there is gone, and all that is said there is in the list too.\n\n"
            "Goes on until a signal ends it. A Redis that is away is waited for. --spool overflow is the same as\n"
            "off: what the stream does not take stays in Redis.\n\n"
            "Exit codes: 0, 2 usage or configuration, 3 Redis refuses; with --once also 1 something was set aside,\n"
            "3 nothing went on for --timeout.\n",
        .example = "taskledger-emit bridge --list task_status_queue --forward task_status_queue:old\n"
                   "taskledger-emit bridge --list task_status_queue --once\n",
        .table = &configuration_bridge,
        .usage_code = EXIT_USAGE,
        .execute = bridge_execute,
    },
    {
        .name = "permits",
        .words = "list|release [NAME...]",
        .usage = "list [NAME...] | release NAME TOKEN...|--all",
        .does = "who has permits of which so many may be had at once, and freeing those",
        .notes =
            "Lists who has which, for how long yet unless it is renewed, and how many wait. Without a name Redis is\n"
            "searched for all there are, which takes a user who may SCAN.\n\n"
            "Permits of processes that died run out by themselves. One that its process neither uses nor gives back\n"
            "is renewed as long as that lives; release frees it: the next in the line gets it, and the process is\n"
            "told with its next renewal, within a third of the lease, that it has it no more.\n\n"
            "Exit codes: 0; 1 not all that was to be freed was held, 2 usage or configuration, 3 Redis could not be\n"
            "reached or refuses, 4 not all could be listed.\n",
        .example = "taskledger-emit permits list\n"
                   "taskledger-emit permits release text-to-speech --all\n",
        .table = &configuration_permits,
        .usage_code = EXIT_USAGE,
        .execute = permits_execute,
    },
    {
        .name = "claims",
        .words = "show|release TASK_ID...",
        .usage = "show|release TASK_ID... [OPTION...]",
        .does = "who has claimed tasks, and freeing them",
        .notes =
            "Claims of processes that died run out by themselves. One that is freed can be claimed at once; its\n"
            "process, if it lives, is told with its next renewal, within a third of the lease, that it has it no\n"
            "more, and the next claim's attempt outranks what it says.\n\n"
            "Exit codes: 0; 1 not all that were to be freed were held, 2 usage or configuration, 3 Redis could not\n"
            "be reached or refuses.\n",
        .example = "taskledger-emit claims show order-4711\n",
        .table = &configuration_claims,
        .usage_code = EXIT_USAGE,
        .execute = claims_execute,
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

static const struct {
    const char *flag;
    int (*print)(const char *value);
    bool takes_value;
} pages[] = {
    {"-h", print_help, false},
    {"--help", print_help, false},
    {"--version", print_version, false},
    {"--print-configuration", print_configuration, false},
    {"--print-metrics", reference_print_metrics, false},
    {"--print-library-configuration", reference_print_library, false},
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
    console_say("a command is missing (status, lines, run, sweep, stats, bridge, permits or claims); see "
                "taskledger-emit --help");
    return EXIT_USAGE;
}
