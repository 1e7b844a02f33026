/* taskledger-monitor: what tasks do, for browsers and programs. */
#include "consumer/daemon/health.h"
#include "consumer/daemon/manager.h"
#include "consumer/log.h"
#include "proto/arena.h"
#include "proto/completion.h"
#include "proto/descriptors.h"
#include "proto/exit_code.h"
#include "proto/manual.h"
#include "proto/nearest.h"
#include "proto/text.h"
#include "replay/web/monitor.h"
#include "replay/web/monitor_metrics.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char RAISE_FILES[] = "the process may not have more files open: raise that (ulimit -n, LimitNOFILE=), or "
                                  "lower --connections";
static const char READER_WILL_DO[] =
    "DATABASE_URL's role may change the ledger; taskledger_reader is all a monitor needs";

static int run(struct monitor_settings *settings);
static int health(struct monitor_settings *settings);

static const struct command {
    const char *name;
    const char *does;
    int (*execute)(struct monitor_settings *settings);
} commands[] = {
    {"run", "serve the page and what it asks for, until SIGTERM (what is done without a command)", run},
    {"health", "ask the monitor that runs here: exit 0 if it is ready, else 1", health},
};

/* Files that are not connections: servers' sessions and lines, threads' own, the standard three. */
enum { DESCRIPTORS_BESIDES = 128, CONNECTIONS_LEAST = 8 };

enum { TURN_MS = 1000 }; /* of the program's own thread, at least one in so long */

enum { COMMANDS = sizeof commands / sizeof *commands };

/* ---- what people read -------------------------------------------------------------------------------------------- */

/* What was found in an argument or a variable may be anything. */
static int complain(const struct error *error)
{
    struct arena arena = {.limit_bytes = 0};
    struct slice harmless = text_escape(slice_from_text(error->text), &arena);

    if (harmless.data != NULL)
        fprintf(stderr, "taskledger-monitor: %.*s\n", SLICE_PRINT(harmless));
    arena_close(&arena);
    return (int)exit_code_of(error);
}

static const struct program *about(void)
{
    static struct program_command told[COMMANDS];
    static struct program program = {
        .name = "taskledger-monitor",
        .section = 8,
        .version = TASKLEDGER_VERSION,
        .summary = "what tasks do, for browsers and programs",
        .usage = "[COMMAND] [OPTION...]",
        .description = "Exit codes: 0 ok, 1 health: not ready, 2 usage or configuration, 70 a bug.\n",
        .commands = told,
        .count = COMMANDS,
    };

    for (size_t i = 0; i < COMMANDS; i++)
        told[i] = (struct program_command){.name = commands[i].name, .arguments = "", .summary = commands[i].does};
    program.shared = monitor_settings_options;
    return &program;
}

static bool asks_to_print(const struct monitor_settings *settings)
{
    return settings->help || settings->version || settings->print_configuration || settings->print_metrics ||
           settings->print_completion != NULL || settings->print_manual != NULL;
}

static int print_what_was_asked_for(const struct monitor_settings *settings)
{
    struct error error = {.kind = ERROR_NONE};

    if (settings->help)
        program_print_help(about(), stdout);
    if (settings->version)
        printf("taskledger-monitor %s\n", TASKLEDGER_VERSION);
    if (settings->print_configuration)
        options_print_markdown(&monitor_settings_options, stdout);
    if (settings->print_metrics)
        monitor_metrics_print_markdown(stdout);
    if (settings->print_completion != NULL)
        completion_print(about(), settings->print_completion, stdout);
    if (settings->print_manual != NULL && !manual_write(about(), settings->print_manual, &error))
        return complain(&error);
    return EXIT_OK;
}

/* ---- run --------------------------------------------------------------------------------------------------------- */

/* In a cluster the feed has a line for each shard, with a socket or two. */
static rlim_t descriptors_besides(const struct monitor_settings *settings)
{
    return DESCRIPTORS_BESIDES + 2 * (rlim_t)settings->shards;
}

/* Each connection is a file. Where so many cannot be had there are fewer connections, rather than some that fail. */
static void raise_descriptors(struct monitor_settings *settings, const struct log *log)
{
    rlim_t needed = (rlim_t)settings->connections + descriptors_besides(settings);
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return;
    struct rlimit raised = {.rlim_cur = needed, .rlim_max = limit.rlim_max > needed ? limit.rlim_max : needed};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int64_t left = (int64_t)limit.rlim_max - (int64_t)descriptors_besides(settings);
    settings->connections = left < CONNECTIONS_LEAST ? CONNECTIONS_LEAST : left;
    log_write(log, LOG_LEVEL_WARNING, "connections_limited",
              LOG_FIELDS(log_integer("connections", settings->connections), log_text("detail", RAISE_FILES)));
}

/* A state is told when it changes; that all is well at the start goes without saying. */
static void tell_server(const struct log *log, const struct pulse_server *before, const struct pulse_server *now,
                        const char *away, const char *back)
{
    bool was_up = before->is_up || !before->was_asked;

    if (was_up && now->was_asked && !now->is_up)
        log_write(log, LOG_LEVEL_WARNING, away,
                  LOG_FIELDS(log_text("reason", now->reason), log_text("detail", now->text)));
    else if (!was_up && now->is_up)
        log_write(log, LOG_LEVEL_INFO, back, LOG_NO_FIELDS);
}

static void tell(const struct log *log, const struct pulse_view *before, const struct pulse_view *now)
{
    tell_server(log, &before->redis, &now->redis, "redis_away", "redis_back");
    tell_server(log, &before->postgresql, &now->postgresql, pulse_postgresql_fault(now), "postgresql_back");
    if (now->can_write && !before->can_write)
        log_write(log, LOG_LEVEL_WARNING, "role_can_write", LOG_FIELDS(log_text("detail", READER_WILL_DO)));
}

/* It does its work also while a server is away, and says so to whoever asks. */
static void tell_manager(struct manager *manager, const struct monitor *monitor, const struct pulse_view *now)
{
    bool has_redis = !now->redis.was_asked || now->redis.is_up;
    const char *fault = pulse_postgresql_fault(now);

    manager_ready(manager);
    if (fault == NULL && has_redis)
        manager_status(manager, "ready, at %s", monitor_address(monitor));
    else if (has_redis)
        manager_status(manager, "not ready: %s", fault);
    else
        manager_status(manager, "not ready: redis_away%s%s", fault == NULL ? "" : ", ", fault == NULL ? "" : fault);
}

/* Looks after the servers meanwhile. The signal that ended it. */
static int wait_for_signal(struct monitor *monitor, const struct log *log, struct manager *manager,
                           const sigset_t *awaited)
{
    struct pulse_view before = {.can_write = false};
    int number = -1;

    while (number < 0) {
        int left_ms = clock_left_ms(log->clock, monitor_due_us(monitor));
        if (left_ms == 0) {
            struct pulse_view now;
            monitor_look(monitor, &now);
            tell(log, &before, &now);
            tell_manager(manager, monitor, &now);
            before = now;
        }
        manager_tick(manager);
        left_ms = left_ms < TURN_MS ? left_ms : TURN_MS;
        struct timespec rest = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000L};
        number = sigtimedwait(awaited, NULL, &rest);
    }
    return number;
}

static void open_manager(struct manager *manager, const struct log *log)
{
    /* NOLINTBEGIN(concurrency-mt-unsafe): no threads yet */
    const struct manager_terms terms = {
        .socket = getenv("NOTIFY_SOCKET"),
        .watchdog_us = getenv("WATCHDOG_USEC"),
        .watchdog_pid = getenv("WATCHDOG_PID"),
    };
    /* NOLINTEND(concurrency-mt-unsafe) */
    struct error error;

    if (!manager_open(manager, &terms, log->clock, &error))
        log_write(log, LOG_LEVEL_WARNING, "manager_not_told", LOG_FIELDS(log_text("detail", error.text)));
}

/* Signals are blocked before there is another thread, so that only this one takes them. */
static int run(struct monitor_settings *settings)
{
    const struct log log = {.descriptor = STDERR_FILENO,
                            .level = log_level_parse(settings->log_level),
                            .format = log_format_parse(settings->log_format, STDERR_FILENO),
                            .clock = clock_system()};
    const struct sigaction ignoring = {.sa_handler = SIG_IGN};
    struct manager manager = {.descriptor = 0};
    struct error error;
    sigset_t awaited;

    sigemptyset(&awaited);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGINT);
    pthread_sigmask(SIG_BLOCK, &awaited, NULL);
    sigaction(SIGPIPE, &ignoring, NULL);

    raise_descriptors(settings, &log);
    open_manager(&manager, &log);
    struct monitor *monitor = monitor_open(settings, log.clock, &error);
    if (monitor == NULL)
        return complain(&error);
    log_write(&log, LOG_LEVEL_INFO, "started", LOG_FIELDS(log_text("listen", monitor_address(monitor))));
    int number = wait_for_signal(monitor, &log, &manager, &awaited);
    log_write(&log, LOG_LEVEL_INFO, "stopping", LOG_FIELDS(log_integer("signal", number)));
    manager_stopping(&manager);
    manager_tick(&manager);
    monitor_close(monitor);
    manager_close(&manager);
    log_write(&log, LOG_LEVEL_INFO, "stopped", LOG_NO_FIELDS);
    return EXIT_OK;
}

/* ---- health ------------------------------------------------------------------------------------------------------ */

/* Ready by default: people and "wait until it works" ask that. Whoever restarts what is ill asks for --live. */
static int health(struct monitor_settings *settings)
{
    char body[HEALTH_ANSWER_MAX];
    struct error error = {.kind = ERROR_NONE};
    int status = 0;

    if (!health_ask(settings->listen, settings->live ? "/livez" : "/readyz", &status, body, &error)) {
        complain(&error);
        return error.kind == ERROR_FATAL ? EXIT_USAGE : EXIT_FINDINGS;
    }
    printf("%s", body);
    return status == 200 ? EXIT_OK : EXIT_FINDINGS;
}

/* ---- main -------------------------------------------------------------------------------------------------------- */

static bool unknown_command(const char *name, struct error *error)
{
    struct nearest nearest;

    nearest_init(&nearest, slice_from_text(name));
    for (size_t i = 0; i < COMMANDS; i++)
        nearest_offer(&nearest, commands[i].name);
    return nearest_refuse(&nearest, "command", "; see taskledger-monitor --help", error);
}

static const struct command *find_command(int argc, char **argv, struct error *error)
{
    if (argc < 2)
        return &commands[0];
    for (size_t i = 0; i < COMMANDS; i++)
        if (argc == 2 && strcmp(argv[1], commands[i].name) == 0)
            return &commands[i];
    if (argc == 2)
        unknown_command(argv[1], error);
    else
        error_set(error, ERROR_FATAL, "usage", "expected one command, found %d words; see taskledger-monitor --help",
                  argc - 1);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct monitor_settings settings;
    struct error environment = {.kind = ERROR_NONE};
    struct error error = {.kind = ERROR_NONE};

    descriptors_fill_standard();

    /* Somebody who asks for help gets it, however wrong the environment is. */
    bool is_sound = options_from_environment(&monitor_settings_table, &settings, &environment);
    if (!options_from_arguments(&monitor_settings_table, &settings, false, &argc, argv, &error))
        return complain(&error);
    if (asks_to_print(&settings))
        return print_what_was_asked_for(&settings);
    if (!is_sound)
        return complain(&environment);

    const struct command *command = find_command(argc, argv, &error);
    return command == NULL ? complain(&error) : command->execute(&settings);
}
