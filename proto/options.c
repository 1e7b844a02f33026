#include "proto/options.h"

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

/* Unknown flags */

enum { FLAG_BYTES_MAX = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters to insert, remove or replace to get from one to the other (Levenshtein), a row of the table at a
 * time. `to` is at most FLAG_BYTES_MAX long. */
static size_t distance(const char *from, size_t from_length, const char *to)
{
    size_t row[FLAG_BYTES_MAX + 1];
    size_t to_length = strlen(to);

    for (size_t j = 0; j <= to_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= from_length; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= to_length; j++) {
            size_t replaced = diagonal + (from[i - 1] != to[j - 1]);

            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[to_length];
}

static const char *without_dashes(const char *flag)
{
    return flag + strspn(flag, "-");
}

/* A beginning is as good as one wrong letter: "-h" is --help. */
static size_t unlikeness(const char *given, size_t length, const char *flag)
{
    if (strlen(flag) > FLAG_BYTES_MAX)
        return FLAG_BYTES_MAX;
    return strncmp(given, flag, length) == 0 ? 1 : distance(given, length, flag);
}

/* The flag that was probably meant, or NULL when none is even half alike. */
static const char *nearest_flag(const struct options_table *table, struct slice given)
{
    const char *name = without_dashes((const char *)given.data);
    size_t length = given.size - (size_t)(name - (const char *)given.data);
    size_t fewest = length / 2 + 2;
    const char *nearest = NULL;

    if (length == 0 || length > FLAG_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < table->count; i++) {
        const char *flag = table->specs[i].flag;
        size_t unlike = flag == NULL ? fewest : unlikeness(name, length, without_dashes(flag));

        if (unlike < fewest) {
            nearest = flag;
            fewest = unlike;
        }
    }
    return nearest;
}

static bool unknown_flag(const struct options_table *table, struct slice given, struct error *error)
{
    const char *nearest = nearest_flag(table, given);

    given.size = least(given.size, FLAG_BYTES_MAX);
    if (nearest == NULL)
        return error_set(error, ERROR_FATAL, "usage", "there is no flag %.*s", SLICE_PRINT(given));
    return error_set(error, ERROR_FATAL, "usage", "there is no flag %.*s; the nearest is %s", SLICE_PRINT(given),
                     nearest);
}

/* Arguments */

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
    return argument[0] == '-' && argument[1] != '\0';
}

static const struct option_spec *find_flag(const struct options_table *table, struct slice given)
{
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
