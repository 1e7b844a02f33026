/* taskledger-consumer: the stream into the ledger. */
#include "consumer/daemon/configuration.h"
#include "consumer/daemon/daemon.h"
#include "consumer/daemon/groups_command.h"
#include "consumer/daemon/health.h"
#include "consumer/daemon/metrics.h"
#include "consumer/doctor/doctor.h"
#include "consumer/ledger/schema.h"
#include "proto/completion.h"
#include "proto/descriptors.h"
#include "proto/exit_code.h"
#include "proto/manual.h"
#include "proto/nearest.h"
#include "proto/text.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static int stop_descriptor; /* 0: there is none */
static struct log_prepared interrupted;

static int run(const struct configuration *configuration);
static int migrate(const struct configuration *configuration);
static int health(const struct configuration *configuration);
static int doctor(const struct configuration *configuration);
static int groups(const struct configuration *configuration);

static const struct command {
    const char *name;
    const char *does;
    int (*execute)(const struct configuration *configuration);
    bool takes_words;  /* behind its name */
    const char *words; /* which */
} commands[] = {
    {"run", "apply what is in the stream, until SIGTERM (what is done without a command)", run, false, ""},
    {"migrate", "create the ledger or upgrade it, with its roles and partitions", migrate, false, ""},
    {"health", "ask the consumer that runs here: exit 0 if it is ready, else 1", health, false, ""},
    {"doctor", "look for what is wrong with Redis and PostgreSQL for this job, and say what mends it", doctor, false,
     ""},
    {"groups", "who reads the stream and holds back its trimming; drop NAME: remove one", groups, true, "[drop NAME]"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

/* ---- what people read -------------------------------------------------------------------------------------------- */

/* What was found in an argument or a variable may be anything. */
static int complain(const struct error *error)
{
    struct arena arena = {.limit_bytes = 0};
    struct slice harmless = text_escape(slice_from_text(error->text), &arena);

    if (harmless.data != NULL)
        fprintf(stderr, "taskledger-consumer: %.*s\n", SLICE_PRINT(harmless));
    arena_close(&arena);
    return (int)exit_code_of(error);
}

static const struct program *about(void)
{
    static struct program_command told[COMMANDS];
    static struct program program = {
        .name = "taskledger-consumer",
        .section = 8,
        .version = TASKLEDGER_VERSION,
        .summary = "the stream into the ledger",
        .usage = "[COMMAND] [OPTION...]",
        .description =
            "Exit codes: 0 ok, 1 health: not ready, doctor: something is wrong, groups drop: refused, 2 usage or\n"
            "configuration, 3 Redis or PostgreSQL does not let us in (or, for commands other than run, is not\n"
            "there), 70 a bug, 130 interrupted twice.\n",
        .commands = told,
        .count = COMMANDS,
    };

    for (size_t i = 0; i < COMMANDS; i++)
        told[i] = (struct program_command){
            .name = commands[i].name, .arguments = commands[i].words, .summary = commands[i].does};
    program.shared = configuration_options;
    return &program;
}

static int print_what_was_asked_for(const struct configuration *configuration)
{
    struct error error = {.kind = ERROR_NONE};

    if (configuration->help)
        program_print_help(about(), stdout);
    if (configuration->version)
        printf("taskledger-consumer %s\n", TASKLEDGER_VERSION);
    if (configuration->print_configuration)
        options_print_markdown(&configuration_options, stdout);
    if (configuration->print_metrics)
        metrics_print_markdown(stdout);
    if (configuration->print_completion != NULL)
        completion_print(about(), configuration->print_completion, stdout);
    if (configuration->print_manual != NULL && !manual_write(about(), configuration->print_manual, &error))
        return complain(&error);
    return EXIT_OK;
}

static bool asks_to_print(const struct configuration *configuration)
{
    return configuration->help || configuration->version || configuration->print_configuration ||
           configuration->print_metrics || configuration->print_completion != NULL ||
           configuration->print_manual != NULL;
}

/* ---- run --------------------------------------------------------------------------------------------------------- */

/* The first time finish what was begun, the second time leave: nothing is lost by it. */
static void on_signal(int number)
{
    (void)number;
    if (stop) {
        log_write_prepared(&interrupted);
        _exit(EXIT_INTERRUPTED);
    }
    stop = 1;
    if (stop_descriptor > 0) {
        const uint64_t one = 1;
        int before = errno;
        ssize_t ignored = write(stop_descriptor, &one, sizeof one);

        (void)ignored;
        errno = before;
    }
}

/* Without SA_RESTART, so that sleeping ends. A closed pipe is an error of write(2), not the end. */
static void catch_signals(void)
{
    struct sigaction catching = {.sa_handler = on_signal};
    struct sigaction ignoring = {.sa_handler = SIG_IGN};

    sigaction(SIGTERM, &catching, NULL);
    sigaction(SIGINT, &catching, NULL);
    sigaction(SIGPIPE, &ignoring, NULL);
}

static int run(const struct configuration *configuration)
{
    const struct log log = daemon_log(configuration);
    /* NOLINTBEGIN(concurrency-mt-unsafe): no threads yet */
    const struct manager_terms manager = {
        .socket = getenv("NOTIFY_SOCKET"),
        .watchdog_us = getenv("WATCHDOG_USEC"),
        .watchdog_pid = getenv("WATCHDOG_PID"),
    };
    /* NOLINTEND(concurrency-mt-unsafe) */

    log_prepare(&log, LOG_LEVEL_WARNING, "interrupted", &interrupted);
    stop_descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    catch_signals();
    return daemon_run(configuration, &(struct daemon_stop){.flag = &stop, .descriptor = stop_descriptor}, &manager);
}

/* ---- migrate ----------------------------------------------------------------------------------------------------- */

static void print_report(const struct schema_report *report)
{
    if (report->version_before == report->version)
        printf("the ledger is of version %d, there was nothing to migrate\n", report->version);
    else if (report->version_before == 0)
        printf("the ledger was made, of version %d\n", report->version);
    else
        printf("the ledger went from version %d to %d\n", report->version_before, report->version);
    if (report->partitions_made > 0)
        printf("partitions made: %zu\n", report->partitions_made);
    if (report->partitions_blocked[0] != '\0')
        printf("partitions that cannot be made, task_event_other holds events of theirs: %s\n",
               report->partitions_blocked);
    if (report->partitions_locked[0] != '\0')
        printf("partitions that could not be made now, run this again: %s\n", report->partitions_locked);
}

static int migrate(const struct configuration *configuration)
{
    const struct schema_options options = {.roles = !configuration->no_roles, .roles_again = true};
    struct schema_report report;
    struct error error = {.kind = ERROR_NONE};
    struct postgres *postgres = daemon_open_ledger(configuration, &error);

    bool good =
        postgres != NULL && postgres_open(postgres, &error) && schema_migrate(postgres, &options, &report, &error);
    postgres_free(postgres);
    if (!good)
        return complain(&error);
    print_report(&report);
    return EXIT_OK;
}

/* ---- health ------------------------------------------------------------------------------------------------------ */

/* Ready by default: people and "wait until it works" ask that. Whoever restarts what is ill asks for --live, since a
 * restart does not bring a lost server back. */
static int health(const struct configuration *configuration)
{
    char body[HEALTH_ANSWER_MAX];
    struct error error = {.kind = ERROR_NONE};
    int status = 0;

    if (!health_ask(configuration->listen, configuration->live ? "/livez" : "/readyz", &status, body, &error)) {
        complain(&error);
        return error.kind == ERROR_FATAL ? EXIT_USAGE : EXIT_FINDINGS;
    }
    printf("%s", body);
    return status == 200 ? EXIT_OK : EXIT_FINDINGS;
}

/* ---- doctor ------------------------------------------------------------------------------------------------------ */

static int doctor(const struct configuration *configuration)
{
    struct error error = {.kind = ERROR_NONE};
    enum exit_code code;

    return doctor_run(configuration, &code, &error) ? (int)code : complain(&error);
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static int groups(const struct configuration *configuration)
{
    struct error error = {.kind = ERROR_NONE};
    enum exit_code code;

    return groups_command_run(configuration, &code, &error) ? (int)code : complain(&error);
}

/* ---- main -------------------------------------------------------------------------------------------------------- */

static bool unknown_command(const char *name, struct error *error)
{
    struct nearest nearest;

    nearest_init(&nearest, slice_from_text(name));
    for (int i = 0; i < COMMANDS; i++)
        nearest_offer(&nearest, commands[i].name);
    return nearest_refuse(&nearest, "command", "; see taskledger-consumer --help", error);
}

/* What is behind it may be a URL that lost its way, with a password. */
static int length_of_name(const char *word)
{
    return (int)strcspn(word, "=:");
}

static const struct command *find_command(int argc, char **argv, struct error *error)
{
    if (argc < 2)
        return &commands[0];
    for (int i = 0; i < COMMANDS; i++)
        if ((argc == 2 || commands[i].takes_words) && strcmp(argv[1], commands[i].name) == 0)
            return &commands[i];
    if (argc == 2)
        unknown_command(argv[1], error);
    else
        error_set(error, ERROR_FATAL, "usage",
                  "expected one command, found \"%.*s %.*s\"; see taskledger-consumer --help", length_of_name(argv[1]),
                  argv[1], length_of_name(argv[2]), argv[2]);
    return NULL;
}

/* Flags that a command cannot follow. A variable is often set for a run and a migration together. */
static bool check_flags(const struct command *command, const struct configuration *configuration,
                        bool no_migrate_by_flag, struct error *error)
{
    if (command->execute == migrate && no_migrate_by_flag)
        return error_set(error, ERROR_FATAL, "usage", "cannot migrate with --no-migrate");
    if (command->execute != health && configuration->live)
        return error_set(error, ERROR_FATAL, "usage", "cannot %s with --live: that is a flag of health", command->name);
    if (command->execute != groups && configuration->force)
        return error_set(error, ERROR_FATAL, "usage", "cannot %s with --force: that is a flag of groups drop",
                         command->name);
    return true;
}

int main(int argc, char **argv)
{
    struct configuration configuration = {0};
    struct error environment = {.kind = ERROR_NONE};
    struct error error = {.kind = ERROR_NONE};

    descriptors_fill_standard();

    /* Somebody who asks for help gets it, however wrong the environment is. */
    bool sound = options_from_environment(&configuration_table, &configuration, &environment);
    bool no_migrate_by_variable = configuration.no_migrate;
    if (!options_from_arguments(&configuration_table, &configuration, false, &argc, argv, &error))
        return complain(&error);
    if (asks_to_print(&configuration))
        return print_what_was_asked_for(&configuration);
    if (!sound)
        return complain(&environment);

    configuration.words = argv + (argc < 2 ? argc : 2);
    const struct command *command = find_command(argc, argv, &error);
    bool no_migrate_by_flag = configuration.no_migrate && !no_migrate_by_variable;
    if (command == NULL || !check_flags(command, &configuration, no_migrate_by_flag, &error) ||
        !configuration_check(&configuration, &error))
        return complain(&error);
    return command->execute(&configuration);
}
