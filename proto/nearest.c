#include "proto/nearest.h"

#include <string.h>

enum { WORD_BYTES_MAX = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

enum { ROWS = 3 };

/* Of the table: how far are the first i letters of one from the first j of the other? */
static size_t cell(size_t rows[ROWS][WORD_BYTES_MAX + 1], struct slice from, struct slice to, size_t i, size_t j)
{
    const uint8_t *a = from.data + i;
    const uint8_t *b = to.data + j;
    size_t replaced = rows[(i - 1) % ROWS][j - 1] + (a[-1] != b[-1]);
    size_t longer = least(rows[(i - 1) % ROWS][j], rows[i % ROWS][j - 1]) + 1;
    size_t fewest = least(replaced, longer);

    if (i > 1 && j > 1 && a[-1] == b[-2] && a[-2] == b[-1])
        return least(fewest, rows[(i - 2) % ROWS][j - 2] + 1);
    return fewest;
}

/* How many letters to insert, remove, replace or swap with the next to get from one to the other (Damerau and
 * Levenshtein), of whose table three rows are needed. `to` is at most WORD_BYTES_MAX long. */
static size_t distance(struct slice from, struct slice to)
{
    size_t rows[ROWS][WORD_BYTES_MAX + 1];

    for (size_t j = 0; j <= to.size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= from.size; i++) {
        rows[i % ROWS][0] = i;
        for (size_t j = 1; j <= to.size; j++)
            rows[i % ROWS][j] = cell(rows, from, to, i, j);
    }
    return rows[from.size % ROWS][to.size];
}

static struct slice without_hyphens(struct slice word)
{
    while (word.size > 0 && word.data[0] == '-')
        word = slice_of(word.data + 1, word.size - 1);
    return word;
}

static bool is_end_of(struct slice given, struct slice word)
{
    if (given.size >= word.size)
        return false;
    const uint8_t *end = word.data + (word.size - given.size);
    return (end[-1] == '_' || end[-1] == '-') && memcmp(given.data, end, given.size) == 0;
}

/* A beginning is as good as the whole word, "--ver" is --version; and so is its last part, "name" is task_name. */
static size_t unlikeness(struct slice given, struct slice word)
{
    bool begins = given.size <= word.size && memcmp(given.data, word.data, given.size) == 0;

    return begins || is_end_of(given, word) ? 0 : distance(given, word);
}

void nearest_init(struct nearest *nearest, struct slice given)
{
    *nearest = (struct nearest){.given = given, .unlike = without_hyphens(given).size / 3 + 1};
}

void nearest_offer(struct nearest *nearest, const char *word)
{
    struct slice given = without_hyphens(nearest->given);
    struct slice offered = without_hyphens(slice_from_text(word));

    if (given.size == 0 || given.size > WORD_BYTES_MAX || offered.size > WORD_BYTES_MAX)
        return;
    size_t unlike = unlikeness(given, offered);
    if (unlike < nearest->unlike) {
        nearest->word = word;
        nearest->unlike = unlike;
    }
}

/* Names end at one of these; what is behind may be a URL, or its password, that lost its way. */
static struct slice name_of(struct slice given)
{
    size_t size = 0;

    while (size < given.size && size < WORD_BYTES_MAX && given.data[size] != '=' && given.data[size] != ':')
        size++;
    return slice_of(given.data, size);
}

bool nearest_refuse(const struct nearest *nearest, const char *kind, const char *advice, struct error *error)
{
    struct slice given = name_of(nearest->given);

    if (nearest->word == NULL)
        return error_set(error, ERROR_FATAL, "usage", "there is no %s %.*s%s", kind, SLICE_PRINT(given), advice);
    return error_set(error, ERROR_FATAL, "usage", "there is no %s %.*s; the nearest is %s%s", kind, SLICE_PRINT(given),
                     nearest->word, advice);
}
