/* taskledger-replay: answers from the ledger. */
#include "replay/command.h"

#include "proto/completion.h"
#include "proto/descriptors.h"
#include "proto/manual.h"
#include "proto/nearest.h"
#include "replay/console.h"
#include "replay/guide.h"
#include "replay/pager.h"

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
    &prune_command,
    &redact_command,
};
/* clang-format on */

enum { COMMANDS = sizeof commands / sizeof commands[0] };

/* ---- commands by name -------------------------------------------------------------------------------------------- */

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

/* ---- what people read -------------------------------------------------------------------------------------------- */

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

static const struct program *guide(void)
{
    return guide_of(commands, COMMANDS);
}

static enum exit_code print_command_help(const struct command *command)
{
    const struct program *program = guide();

    program_print_command_help(program, guide_find(program, command->name), stdout);
    return EXIT_OK;
}

static bool asks_to_print(const struct settings *settings)
{
    return settings->help || settings->version || settings->print_configuration || settings->print_completion != NULL ||
           settings->print_manual != NULL;
}

static enum exit_code print_what_was_asked_for(const struct settings *settings)
{
    struct error error = {.kind = ERROR_NONE};

    if (settings->help)
        program_print_help(guide(), stdout);
    if (settings->version)
        printf("taskledger-replay %s\n", TASKLEDGER_VERSION);
    if (settings->print_configuration)
        guide_print_configuration(guide());
    if (settings->print_completion != NULL)
        completion_print(guide(), settings->print_completion, stdout);
    if (settings->print_manual != NULL && !manual_write(guide(), settings->print_manual, &error))
        return fail(NULL, &error);
    return EXIT_OK;
}

/* ---- running one ------------------------------------------------------------------------------------------------- */

static const char *variable(const char *name)
{
    const char *text = getenv(name); /* NOLINT(concurrency-mt-unsafe): one thread */

    return text == NULL || text[0] == '\0' ? NULL : text;
}

/* What moves the cursor or colours means nothing to a dumb one. */
static bool is_terminal(int descriptor)
{
    const char *kind = variable("TERM");

    return isatty(descriptor) == 1 && kind != NULL && strcmp(kind, "dumb") != 0;
}

static bool wants_colour(const struct settings *settings)
{
    if (strcmp(settings->colour, "auto") != 0)
        return strcmp(settings->colour, "always") == 0;
    return is_terminal(STDOUT_FILENO) && variable("NO_COLOR") == NULL;
}

static size_t width_of(int descriptor)
{
    struct winsize size;

    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static size_t console_columns(void)
{
    return width_of(STDERR_FILENO);
}

static const char *pager_command;

static void start_pager(void)
{
    pager_start(pager_command);
}

/* An answer that goes on for as long as somebody looks has no end to wait for. */
static bool wants_pager(const struct command *command, const struct settings *settings)
{
    if (!command->is_read || settings->no_pager || settings->follow || !is_terminal(STDOUT_FILENO) ||
        output_format_parse(settings->format) != OUTPUT_TABLE)
        return false;
    pager_command = settings->pager != NULL ? settings->pager : variable("PAGER");
    return pager_command == NULL || strcmp(pager_command, "cat") != 0;
}

static bool run_command(const struct command *command, const struct settings *settings, char *const *arguments,
                        enum exit_code *exit, struct error *error)
{
    struct output output = {
        .format = output_format_parse(settings->format),
        .stream = stdout,
        .has_colour = wants_colour(settings),
        .is_terminal = isatty(STDOUT_FILENO) == 1,
        .width = width_of(STDOUT_FILENO), /* 0: what is no terminal takes lines of any width */
        .starts = wants_pager(command, settings) ? start_pager : NULL,
    };
    struct replay replay = {.settings = settings, .output = &output, .clock = clock_system()};

    console_use(&(struct console_options){
        .progress = settings->progress, .is_terminal = is_terminal(STDERR_FILENO), .columns = console_columns});
    if (!zone_use(&output.zone, settings->zone, error))
        return false;
    bool good = command->run(&replay, arguments, exit, error) && output_close(&output, error);
    if (!good)
        output_abandon(&output);
    pager_wait();
    return good;
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

/* Whatever a command does is whole at any moment, since it may be killed as well; and a long statement of the server
 * ends when its client has gone. */
static void interrupt(int number)
{
    (void)number;
    console_interrupted();
    pager_interrupted();
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

    if (asks_to_print(&settings))
        return print_what_was_asked_for(&settings);
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
