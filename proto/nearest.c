#include "proto/nearest.h"

#include <string.h>

enum { WORD_BYTES_MAX = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters to insert, remove or replace to get from one to the other (Levenshtein), a row of the table at a
 * time. `to` is at most WORD_BYTES_MAX long. */
static size_t distance(struct slice from, struct slice to)
{
    size_t row[WORD_BYTES_MAX + 1];

    for (size_t j = 0; j <= to.size; j++)
        row[j] = j;
    for (size_t i = 1; i <= from.size; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= to.size; j++) {
            size_t replaced = diagonal + (from.data[i - 1] != to.data[j - 1]);

            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[to.size];
}

static struct slice without_hyphens(struct slice word)
{
    while (word.size > 0 && word.data[0] == '-')
        word = slice_of(word.data + 1, word.size - 1);
    return word;
}

/* A beginning is as good as the whole word: "--ver" is --version. */
static size_t unlikeness(struct slice given, struct slice word)
{
    bool begins = given.size <= word.size && memcmp(given.data, word.data, given.size) == 0;

    return begins ? 0 : distance(given, word);
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

bool nearest_refuse(const struct nearest *nearest, const char *kind, const char *advice, struct error *error)
{
    struct slice given = slice_of(nearest->given.data, least(nearest->given.size, WORD_BYTES_MAX));

    if (nearest->word == NULL)
        return error_set(error, ERROR_FATAL, "usage", "there is no %s %.*s%s", kind, SLICE_PRINT(given), advice);
    return error_set(error, ERROR_FATAL, "usage", "there is no %s %.*s; the nearest is %s%s", kind, SLICE_PRINT(given),
                     nearest->word, advice);
}
