/* tally: how often each word came up.
 *
 * Words are static storage and few: reasons of errors. One that finds no room is counted as "other". */
#ifndef TASKLEDGER_CONSUMER_TALLY_H
#define TASKLEDGER_CONSUMER_TALLY_H

#include <stddef.h>
#include <stdint.h>

enum { TALLY_WORDS_MAX = 48 };

/* Zeroed is empty. */
struct tally {
    struct {
        const char *word;
        uint64_t count;
    } rows[TALLY_WORDS_MAX];
    size_t count;
};

void tally_add(struct tally *tally, const char *word);

#endif
