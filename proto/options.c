#include "proto/options.h"

#include "proto/nearest.h"
#include "proto/options_value.h"
#include "proto/slice.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Environment */

static const char *variable(const struct option_spec *spec)
{
    if (spec->variable == NULL)
        return NULL;

    const char *text = getenv(spec->variable); /* NOLINT(concurrency-mt-unsafe): as the header says */
    return text == NULL || text[0] == '\0' ? NULL : text;
}

/* Two sources of equal rank: whichever we took, somebody would search for hours. */
static bool is_told_once(const struct option_spec *spec, struct error *error)
{
    if (spec->type != OPTION_FILE_OF || variable(spec) == NULL || variable(spec - 1) == NULL)
        return true;
    return error_set(error, ERROR_FATAL, "config", "%s and %s are both set: expected one of them", spec[-1].variable,
                     spec->variable);
}

bool options_from_environment(const struct options_table *table, void *target, struct error *error)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = &table->specs[i];
        const char *text = variable(spec);

        assert(i > 0 || spec->type != OPTION_FILE_OF);
        if (!is_told_once(spec, error))
            return false;
        if (text == NULL)
            text = spec->fallback;
        if (text != NULL && !options_value_store(spec, target, text, false, error))
            return false;
    }
    return true;
}

/* Arguments */

static bool unknown_flag(const struct options_table *table, struct slice given, struct error *error)
{
    struct nearest nearest;

    nearest_init(&nearest, given);
    for (size_t i = 0; i < table->count; i++)
        if (table->specs[i].flag != NULL)
            nearest_offer(&nearest, table->specs[i].flag);
    return nearest_refuse(&nearest, "flag", "", error);
}

/* Walks argv: `next` is read, words are moved down to `kept`. */
struct walk {
    const struct options_table *table;
    void *target;
    char **argv;
    int argc;
    int next;
    int kept;
};

static bool is_flag(const char *argument)
{
    return argument[0] == '-' && argument[1] != '\0' && (argument[1] < '0' || argument[1] > '9');
}

static const struct option_spec *find_flag(const struct options_table *table, struct slice given)
{
    if (slice_equal(given, slice_from_text("-h")))
        given = slice_from_text("--help");
    for (size_t i = 0; i < table->count; i++) {
        const char *flag = table->specs[i].flag;

        if (flag != NULL && slice_equal(slice_from_text(flag), given))
            return &table->specs[i];
    }
    return NULL;
}

/* The value of a flag: behind its equals sign, "yes" for a lone boolean, else the next argument; NULL: missing. */
static const char *flag_value(struct walk *walk, const struct option_spec *spec, const char *behind)
{
    if (*behind == '=')
        return behind + 1;
    if (spec->type == OPTION_BOOLEAN)
        return "yes";
    return walk->next < walk->argc ? walk->argv[walk->next++] : NULL;
}

static bool take_flag(struct walk *walk, struct error *error)
{
    const char *argument = walk->argv[walk->next++];
    struct slice flag = slice_of(argument, strcspn(argument, "="));
    const struct option_spec *spec = find_flag(walk->table, flag);

    if (spec == NULL)
        return unknown_flag(walk->table, flag, error);

    const char *value = flag_value(walk, spec, argument + flag.size);
    if (value == NULL)
        return error_set(error, ERROR_FATAL, "usage", "%s needs a value", spec->flag);
    return options_value_store(spec, walk->target, value, true, error);
}

static void keep_word(struct walk *walk)
{
    walk->argv[walk->kept++] = walk->argv[walk->next++];
}

static bool take_flags(struct walk *walk, bool stop_at_word, struct error *error)
{
    while (walk->next < walk->argc) {
        const char *argument = walk->argv[walk->next];

        if (strcmp(argument, "--") == 0) {
            walk->next++;
            return true;
        }
        if (is_flag(argument)) {
            if (!take_flag(walk, error))
                return false;
        } else if (stop_at_word) {
            return true;
        } else {
            keep_word(walk);
        }
    }
    return true;
}

bool options_from_arguments(const struct options_table *table, void *target, bool stop_at_word, int *argc, char **argv,
                            struct error *error)
{
    struct walk walk = {.table = table, .target = target, .argv = argv, .argc = *argc, .next = 1, .kept = 1};

    if (!take_flags(&walk, stop_at_word, error))
        return false;
    while (walk.next < walk.argc)
        keep_word(&walk);
    if (walk.kept < *argc) {
        argv[walk.kept] = NULL;
        *argc = walk.kept;
    }
    return true;
}
