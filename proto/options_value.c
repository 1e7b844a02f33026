#include "proto/options_value.h"

#include "proto/bytes.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define DURATION "a duration (500ms, 30s, 5m, 2h; a bare number is seconds)"
#define SIZE     "a number of bytes (64MiB, 2G; a bare number is bytes)"

enum { SIZE_LIMIT_SHIFT = 60 }; /* so many bytes or more are no limit */

/* The name under which the value was given comes first, the other one behind it. */
static bool wrong_name(const struct option_spec *spec, bool by_flag, struct error *error)
{
    const char *given = by_flag ? spec->flag : spec->variable;
    const char *other = by_flag ? spec->variable : spec->flag;

    error->kind = ERROR_FATAL;
    error->reason = by_flag ? "usage" : "config";
    if (given == NULL)
        return error_wrap(error, "%s", other);
    if (other == NULL)
        return error_wrap(error, "%s", given);
    return error_wrap(error, "%s (%s)", given, other);
}

static bool wrong_value(const struct option_spec *spec, const char *text, bool by_flag, struct error *error)
{
    char expected[OPTIONS_VALUE_EXPECTED_BYTES];

    options_value_expected(spec, expected);
    error_set(error, ERROR_FATAL, "config", "expected %s, found \"%.100s\"", expected, text);
    return wrong_name(spec, by_flag, error);
}

/* Numbers */

/* Digits only, perhaps a minus: strtoll alone would also take leading space and a plus. `*end` is what stands
 * behind. */
static bool parse_whole(const char *text, int64_t *value, const char **end)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *behind;

    if (digits[0] < '0' || digits[0] > '9')
        return false;
    errno = 0;
    *value = strtoll(text, &behind, 10);
    *end = behind;
    return errno == 0;
}

static bool has_limits(const struct option_spec *spec)
{
    return spec->minimum != 0 || spec->maximum != 0;
}

static bool within(const struct option_spec *spec, int64_t value)
{
    return !has_limits(spec) || (value >= spec->minimum && value <= spec->maximum);
}

static bool parse_integer(const struct option_spec *spec, const char *text, int64_t *value)
{
    const char *end;

    return parse_whole(text, value, &end) && *end == '\0' && within(spec, *value);
}

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {"", 1000}};

enum { NAMED_UNITS = 5, UNITS = 6 };

static bool parse_duration(const struct option_spec *spec, const char *text, int64_t *value)
{
    const char *unit;
    int64_t count;

    if (!parse_whole(text, &count, &unit) || count < 0)
        return false;
    for (int i = 0; i < UNITS; i++)
        if (strcmp(unit, units[i].name) == 0)
            return !__builtin_mul_overflow(count, units[i].ms, value) && within(spec, *value);
    return false;
}

/* In the largest unit that divides it: 90000 is "90s". */
static void format_duration(int64_t ms, char text[32])
{
    int i = 0;

    while (i < NAMED_UNITS - 1 && ms % units[i].ms != 0)
        i++;
    if (ms == 0)
        snprintf(text, 32, "0s");
    else
        snprintf(text, 32, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
}

static bool parse_bytes(const struct option_spec *spec, const char *text, int64_t *value)
{
    return bytes_read(text, value) && within(spec, *value);
}

/* Words */

static bool parse_boolean(const char *text, bool *value)
{
    static const char *const words[][2] = {{"0", "1"}, {"false", "true"}, {"no", "yes"}, {"off", "on"}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (int meaning = 0; meaning <= 1; meaning++) {
            if (strcasecmp(text, words[i][meaning]) == 0) {
                *value = meaning == 1;
                return true;
            }
        }
    }
    return false;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);

    while (*choices != '\0') {
        size_t word = strcspn(choices, " ");

        if (word == length && memcmp(choices, text, word) == 0)
            return word > 0;
        choices += word;
        choices += strspn(choices, " ");
    }
    return false;
}

/* Files */

/* A value read from a file, kept for the rest of the process; in a list so that a leak checker sees it is wanted. */
struct kept {
    struct kept *next;
    char text[];
};

static _Atomic(struct kept *) all_kept;

static void keep(struct kept *kept)
{
    kept->next = atomic_load(&all_kept);
    while (!atomic_compare_exchange_weak(&all_kept, &kept->next, kept))
        continue;
}

/* The whole file, or one byte more than is allowed. Negative: errno tells. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t got = 0;

    if (file < 0)
        return -1;
    while (length < size && (got = read(file, text + length, size - length)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        length += (size_t)got;
    }

    int why = errno;
    close(file);
    errno = why;
    return got < 0 ? -1 : (ssize_t)length;
}

static size_t without_newline(const char *text, size_t length)
{
    if (length > 0 && text[length - 1] == '\n')
        length--;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    return length;
}

/* The content of a secret's file, or NULL with the error's text. Nothing of the content gets into it. */
static const char *load_file(const char *path, struct error *error)
{
    struct kept *kept = malloc(sizeof *kept + OPTIONS_FILE_BYTES_MAX + 1);

    if (kept == NULL) {
        error_set(error, ERROR_FATAL, "config", "out of memory");
        return NULL;
    }

    ssize_t length = read_file(path, kept->text, OPTIONS_FILE_BYTES_MAX + 1);
    size_t useful = length < 0 ? 0 : without_newline(kept->text, (size_t)length);

    if (length < 0)
        error_set_errno(error, ERROR_FATAL, "config", "cannot read \"%s\"", path);
    else if (length > OPTIONS_FILE_BYTES_MAX)
        error_set(error, ERROR_FATAL, "config", "expected at most %d bytes in \"%s\"", OPTIONS_FILE_BYTES_MAX, path);
    else if (useful == 0)
        error_set(error, ERROR_FATAL, "config", "expected a value in \"%s\", found nothing", path);
    else if (memchr(kept->text, '\0', useful) != NULL)
        error_set(error, ERROR_FATAL, "config", "expected text in \"%s\", found a NUL", path);
    else {
        kept->text[useful] = '\0';
        keep(kept);
        return kept->text;
    }
    free(kept);
    return NULL;
}

/* A file stands in for the text of the option before it. */
static bool store_file(const struct option_spec *spec, void *target, const char *path, bool by_flag,
                       struct error *error)
{
    const struct option_spec *stands_for = spec - 1;
    assert(stands_for->type == OPTION_TEXT || stands_for->type == OPTION_SECRET);

    const char *text = load_file(path, error);
    if (text == NULL)
        return wrong_name(spec, by_flag, error);
    return options_value_store(stands_for, target, text, by_flag, error);
}

static bool store(const struct option_spec *spec, void *target, const void *value, size_t size)
{
    memcpy((char *)target + spec->offset, value, size);
    return true;
}

bool options_value_store(const struct option_spec *spec, void *target, const char *text, bool by_flag,
                         struct error *error)
{
    int64_t number;
    bool truth;
    bool stored = false;

    switch (spec->type) {
    case OPTION_FILE_OF:
        return store_file(spec, target, text, by_flag, error);
    case OPTION_TEXT:
    case OPTION_SECRET:
        stored = store(spec, target, &text, sizeof text);
        break;
    case OPTION_CHOICE:
        stored = is_choice(spec->choices, text) && store(spec, target, &text, sizeof text);
        break;
    case OPTION_INTEGER:
        stored = parse_integer(spec, text, &number) && store(spec, target, &number, sizeof number);
        break;
    case OPTION_DURATION:
        stored = parse_duration(spec, text, &number) && store(spec, target, &number, sizeof number);
        break;
    case OPTION_BYTES:
        stored = parse_bytes(spec, text, &number) && store(spec, target, &number, sizeof number);
        break;
    case OPTION_BOOLEAN:
        stored = parse_boolean(text, &truth) && store(spec, target, &truth, sizeof truth);
        break;
    }
    return stored || wrong_value(spec, text, by_flag, error);
}

static void expect_integer(const struct option_spec *spec, char expected[OPTIONS_VALUE_EXPECTED_BYTES])
{
    if (has_limits(spec))
        snprintf(expected, OPTIONS_VALUE_EXPECTED_BYTES, "a whole number from %" PRId64 " to %" PRId64, spec->minimum,
                 spec->maximum);
    else
        snprintf(expected, OPTIONS_VALUE_EXPECTED_BYTES, "a whole number");
}

static void expect_duration(const struct option_spec *spec, char expected[OPTIONS_VALUE_EXPECTED_BYTES])
{
    char least[32];
    char most[32];

    format_duration(spec->minimum, least);
    format_duration(spec->maximum, most);
    if (has_limits(spec))
        snprintf(expected, OPTIONS_VALUE_EXPECTED_BYTES, DURATION " from %s to %s", least, most);
    else
        snprintf(expected, OPTIONS_VALUE_EXPECTED_BYTES, DURATION);
}

static void expect_bytes(const struct option_spec *spec, char expected[OPTIONS_VALUE_EXPECTED_BYTES])
{
    char least[BYTES_TEXT_MAX];
    char most[BYTES_TEXT_MAX];

    bytes_format(spec->minimum, least);
    bytes_format(spec->maximum, most);
    if (!has_limits(spec))
        snprintf(expected, OPTIONS_VALUE_EXPECTED_BYTES, SIZE);
    else if (spec->maximum >> SIZE_LIMIT_SHIFT > 0)
        snprintf(expected, OPTIONS_VALUE_EXPECTED_BYTES, SIZE ", at least %s", least);
    else
        snprintf(expected, OPTIONS_VALUE_EXPECTED_BYTES, SIZE " from %s to %s", least, most);
}

void options_value_expected(const struct option_spec *spec, char expected[OPTIONS_VALUE_EXPECTED_BYTES])
{
    switch (spec->type) {
    case OPTION_INTEGER:
        expect_integer(spec, expected);
        break;
    case OPTION_DURATION:
        expect_duration(spec, expected);
        break;
    case OPTION_BYTES:
        expect_bytes(spec, expected);
        break;
    case OPTION_CHOICE:
        snprintf(expected, OPTIONS_VALUE_EXPECTED_BYTES, "one of: %s", spec->choices);
        break;
    case OPTION_BOOLEAN:
        snprintf(expected, OPTIONS_VALUE_EXPECTED_BYTES, "yes or no");
        break;
    case OPTION_FILE_OF:
        snprintf(expected, OPTIONS_VALUE_EXPECTED_BYTES, "a file that holds %s",
                 spec[-1].variable != NULL ? spec[-1].variable : spec[-1].flag);
        break;
    case OPTION_TEXT:
    case OPTION_SECRET:
        snprintf(expected, OPTIONS_VALUE_EXPECTED_BYTES, "text");
        break;
    }
}
