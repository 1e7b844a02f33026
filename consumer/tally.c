#include "consumer/tally.h"

#include <string.h>

static size_t find(const struct tally *tally, const char *word)
{
    size_t place = 0;

    while (place < tally->count && strcmp(tally->rows[place].word, word) != 0)
        place++;
    return place;
}

void tally_add(struct tally *tally, const char *word)
{
    size_t place = find(tally, word);

    /* The last row is kept for all that find no room. */
    if (place >= TALLY_WORDS_MAX - 1) {
        place = TALLY_WORDS_MAX - 1;
        word = "other";
    }
    if (place >= tally->count)
        tally->count = place + 1;
    tally->rows[place].word = word;
    tally->rows[place].count++;
}
