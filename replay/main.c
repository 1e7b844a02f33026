/* taskledger-replay: answers from the ledger. */
#include "replay/command.h"

#include "proto/descriptors.h"
#include "proto/nearest.h"
#include "replay/console.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* clang-format off */
static const struct command *const commands[] = {
    &history_command,
    &state_command,
    &tasks_command,
    &diff_command,
    &stuck_command,
    &gaps_command,
    &verify_command,
    &seal_command,
    &rebuild_command,
    &rejected_command,
    &export_command,
    &import_command,
};
/* clang-format on */

enum { COMMANDS = sizeof commands / sizeof commands[0], USAGE_BYTES_MAX = 64 };

/* ---- commands by name ------------------------------------------------------------------------------------------- */

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static bool unknown_command(const char *name, struct error *error)
{
    struct nearest nearest;

    nearest_init(&nearest, slice_from_text(name));
    for (size_t i = 0; i < COMMANDS; i++)
        nearest_offer(&nearest, commands[i]->name);
    return nearest_refuse(&nearest, "command", "", error);
}

/* ---- what people read ------------------------------------------------------------------------------------------- */

/* NULL: of none. Who used a command wrongly is told where to read on. */
static enum exit_code fail(const struct command *command, const struct error *error)
{
    if (strcmp(error->reason, "usage") != 0)
        console_say("%s", error->text);
    else if (command == NULL)
        console_say("%s; see taskledger-replay --help", error->text);
    else
        console_say("%s; see taskledger-replay %s --help", error->text, command->name);
    return exit_code_of(error);
}

static void print_options(const char *title, const struct settings_table *part)
{
    if (part->table.count > 0)
        printf("\n%s:\n", title);
    options_print_help(&part->table, stdout);
}

static enum exit_code print_help(void)
{
    struct settings_table part;

    printf("taskledger-replay: answers from the ledger\n\nUsage: taskledger-replay COMMAND [OPTION...]\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        char left[USAGE_BYTES_MAX];
        snprintf(left, sizeof left, "%s %s", commands[i]->name, commands[i]->arguments);
        printf("  %-16s %s\n", left, commands[i]->summary);
    }
    printf("\ntaskledger-replay COMMAND --help tells more.\n");
    settings_alone(&part);
    print_options("Options without a command", &part);
    settings_shared(&part);
    print_options("Options of all commands", &part);
    printf(
        "\nExit codes: 0 ok, 1 findings, or no such task, 2 usage or configuration, 3 PostgreSQL is not there or does\n"
        "not let us in, 4 not all could be told or checked, 5 diverged from a seal, 6 another run is at\n"
        "work, 70 a bug, 130 interrupted.\n");
    return EXIT_OK;
}

static enum exit_code print_command_help(const struct command *command)
{
    struct settings_table part;

    printf("taskledger-replay %s: %s\n\nUsage: taskledger-replay %s%s%s [OPTION...]\n\n%s", command->name,
           command->summary, command->name, command->arguments[0] == '\0' ? "" : " ", command->arguments,
           command->description);
    settings_own(&part, command->flags);
    print_options("Options", &part);
    settings_shared(&part);
    print_options("Options of all commands", &part);
    return EXIT_OK;
}

static enum exit_code print_version(void)
{
    printf("taskledger-replay %s\n", TASKLEDGER_VERSION);
    return EXIT_OK;
}

/* The options as a part of deploy/CONFIGURATION.md. */
static enum exit_code print_configuration(void)
{
    struct settings_table part;

    for (size_t i = 0; i < COMMANDS; i++) {
        settings_own(&part, commands[i]->flags);
        if (part.table.count == 0)
            continue;
        printf("### taskledger-replay %s\n\n", commands[i]->name);
        options_print_markdown(&part.table, stdout);
        printf("\n");
    }
    settings_shared(&part);
    printf("### all commands of taskledger-replay\n\n");
    options_print_markdown(&part.table, stdout);
    return EXIT_OK;
}

/* ---- running one ------------------------------------------------------------------------------------------------ */

static bool wants_colour(const struct settings *settings)
{
    const char *no_colour = getenv("NO_COLOR"); /* NOLINT(concurrency-mt-unsafe): one thread */

    if (strcmp(settings->colour, "auto") != 0)
        return strcmp(settings->colour, "always") == 0;
    return isatty(STDOUT_FILENO) == 1 && (no_colour == NULL || no_colour[0] == '\0');
}

/* 0: what is no terminal takes lines of any width. */
static size_t terminal_width(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static bool run_command(const struct command *command, const struct settings *settings, char *const *arguments,
                        enum exit_code *exit, struct error *error)
{
    struct output output = {
        .format = output_format_parse(settings->format),
        .stream = stdout,
        .has_colour = wants_colour(settings),
        .is_terminal = isatty(STDOUT_FILENO) == 1,
        .width = terminal_width(),
    };
    struct replay replay = {
        .settings = settings,
        .output = &output,
        .clock = clock_system(),
        .shows_progress = isatty(STDERR_FILENO) == 1,
    };

    if (!zone_use(&output.zone, settings->zone, error))
        return false;
    if (command->run(&replay, arguments, exit, error))
        return output_close(&output, error);
    output_abandon(&output);
    return false;
}

static bool check_arguments(const struct command *command, int count, struct error *error)
{
    if (count >= command->argument_min && count <= command->argument_max)
        return true;
    return error_set(error, ERROR_FATAL, "usage", "expected %s, found %d %s",
                     command->argument_max == 0 ? "no argument" : command->arguments, count,
                     count == 1 ? "argument" : "arguments");
}

/* `words` begins with the command. What was wrong in the environment so far is in `environment`: somebody who asks for
 * help gets it nevertheless, and what only other commands read is not looked at. */
static enum exit_code run_words(struct settings *settings, int count, char **words, struct error *environment)
{
    struct error error = {.kind = ERROR_NONE};
    struct settings_table part;
    enum exit_code exit = EXIT_OK;
    const struct command *command = find_command(words[0]);

    if (command == NULL) {
        unknown_command(words[0], &error);
        return fail(NULL, &error);
    }
    settings_own(&part, command->flags);
    options_from_environment(&part.table, settings, environment);
    settings_of_command(&part, command->flags);
    if (!options_from_arguments(&part.table, settings, false, &count, words, &error))
        return fail(command, &error);
    if (settings->help)
        return print_command_help(command);
    if (environment->kind != ERROR_NONE)
        return fail(command, environment);
    words[count] = NULL;
    if (!check_arguments(command, count - 1, &error) || !run_command(command, settings, words + 1, &exit, &error))
        return fail(command, &error);
    return exit;
}

/* Whatever a command does is whole at any moment, since it may be killed as well; and a long statement of the server ends
 * when its client has gone. */
static void interrupt(int number)
{
    (void)number;
    console_interrupted();
    _exit(EXIT_INTERRUPTED);
}

static void prepare_process(void)
{
    struct sigaction action = {.sa_handler = interrupt};

    sigaction(SIGINT, &action, NULL);
    setlocale(LC_CTYPE, "C.UTF-8"); /* NOLINT(concurrency-mt-unsafe): one thread */
}

static enum exit_code run(int argc, char **argv)
{
    struct error environment = {.kind = ERROR_NONE};
    struct error error = {.kind = ERROR_NONE};
    struct settings settings = {.help = false};
    struct settings_table part;

    settings_shared(&part);
    options_from_environment(&part.table, &settings, &environment);
    settings_of_program(&part);
    if (!options_from_arguments(&part.table, &settings, true, &argc, argv, &error))
        return fail(NULL, &error);

    if (settings.version)
        return print_version();
    if (settings.print_configuration)
        return print_configuration();
    if (settings.help)
        return print_help();
    if (argc < 2) {
        error_set(&error, ERROR_FATAL, "usage", "a command is missing");
        return fail(NULL, &error);
    }
    return run_words(&settings, argc - 1, argv + 1, &environment);
}

int main(int argc, char **argv)
{
    descriptors_fill_standard();
    prepare_process();
    return (int)run(argc, argv);
}
