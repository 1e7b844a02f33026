/* taskledger-replay: answers from the ledger. */
#include "replay/command.h"

#include "proto/nearest.h"
#include "replay/console.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command *const commands[] = {
    &history_command,
    &state_command,
    &verify_command,
};

enum { COMMANDS = sizeof commands / sizeof commands[0], USAGE_BYTES_MAX = 32 };

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
    return nearest_refuse(&nearest, "command", "; see taskledger-replay --help", error);
}

/* ---- help ------------------------------------------------------------------------------------------------------- */

static void print_help(void)
{
    struct settings_table shared;

    printf("taskledger-replay: answers from the ledger\n"
           "\n"
           "Usage: taskledger-replay [OPTION...] COMMAND [OPTION...] [ARGUMENT...]\n"
           "\n"
           "Commands:\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        char left[USAGE_BYTES_MAX];
        snprintf(left, sizeof left, "%s %s", commands[i]->name, commands[i]->arguments);
        printf("  %-16s %s\n", left, commands[i]->summary);
    }
    printf("\n\"taskledger-replay COMMAND --help\" tells more about a command.\n\nOptions:\n");
    settings_shared(&shared);
    options_print_help(&shared.table, stdout);
}

static void print_command_help(const struct command *command)
{
    struct settings_table part;

    printf("taskledger-replay %s: %s\n\nUsage: taskledger-replay %s [OPTION...]%s%s\n\n%s", command->name,
           command->summary, command->name, command->arguments[0] == '\0' ? "" : " ", command->arguments,
           command->description);
    settings_own(&part, command->flags);
    if (part.table.count > 0) {
        printf("\nOptions:\n");
        options_print_help(&part.table, stdout);
    }
    settings_shared(&part);
    printf("\nOptions of all commands:\n");
    options_print_help(&part.table, stdout);
}

/* ---- running one ------------------------------------------------------------------------------------------------ */

static bool wants_colour(const struct settings *settings)
{
    const char *no_colour = getenv("NO_COLOR"); /* NOLINT(concurrency-mt-unsafe): one thread */

    if (strcmp(settings->colour, "auto") != 0)
        return strcmp(settings->colour, "always") == 0;
    return isatty(STDOUT_FILENO) == 1 && (no_colour == NULL || no_colour[0] == '\0');
}

static enum exit_code fail(const struct error *error)
{
    console_say("%s", error->text);
    return exit_code_of(error);
}

static bool run_command(const struct command *command, const struct settings *settings, char *const *arguments,
                        enum exit_code *exit, struct error *error)
{
    struct output output = {
        .format = output_format_parse(settings->format),
        .stream = stdout,
        .has_colour = wants_colour(settings),
        .is_terminal = isatty(STDOUT_FILENO) == 1,
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

/* The words of a command line behind the program's own options. */
static enum exit_code run_words(struct settings *settings, int count, char **words)
{
    struct error error = {.kind = ERROR_NONE};
    struct settings_table part;
    enum exit_code exit = EXIT_OK;
    const struct command *command = find_command(words[1]);
    int left = count - 1; /* words[1], the command, stands where a program's name does */

    if (command == NULL) {
        unknown_command(words[1], &error);
        return fail(&error);
    }
    settings_of_command(&part, command->flags);
    if (!options_from_arguments(&part.table, settings, false, &left, words + 1, &error))
        return fail(&error);
    if (settings->help) {
        print_command_help(command);
        return EXIT_OK;
    }
    if (left - 1 != command->argument_count) {
        error_set(&error, ERROR_FATAL, "usage", "wrong number of arguments: taskledger-replay %s [OPTION...] %s",
                  command->name, command->arguments);
        return fail(&error);
    }
    return run_command(command, settings, words + 2, &exit, &error) ? exit : fail(&error);
}

/* Nothing of ours is left behind in either server, and a long statement of the server ends when its client has gone. */
static void interrupt(int number)
{
    (void)number;
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
    struct error error = {.kind = ERROR_NONE};
    struct settings settings = {.help = false};
    struct settings_table program;

    settings_of_program(&program);
    if (!options_from_environment(&settings_all, &settings, &error) ||
        !options_from_arguments(&program.table, &settings, true, &argc, argv, &error))
        return fail(&error);

    if (settings.version) {
        printf("taskledger-replay %s\n", TASKLEDGER_VERSION);
        return EXIT_OK;
    }
    if (settings.print_configuration) {
        options_print_markdown(&settings_all, stdout);
        return EXIT_OK;
    }
    if (settings.help) {
        print_help();
        return EXIT_OK;
    }
    if (argc < 2) {
        error_set(&error, ERROR_FATAL, "usage", "a command is missing: see taskledger-replay --help");
        return fail(&error);
    }
    return run_words(&settings, argc, argv);
}

int main(int argc, char **argv)
{
    prepare_process();
    return (int)run(argc, argv);
}
