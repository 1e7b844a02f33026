#include "replay/verify/part.h"

#include "replay/ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

void part_set(struct part *part, uint64_t number, uint64_t count)
{
    assert(number >= 1 && number <= count && count <= PART_COUNT_MAX);
    part->number = number;
    part->count = count;
    part->parameters[0] = (struct postgres_parameter){.value = ledger_bigint(number, part->numbers[0])};
    part->parameters[1] = (struct postgres_parameter){.value = ledger_bigint(count, part->numbers[1])};
}

/* Digits, up to PART_COUNT_MAX; the text is then behind them. */
static bool take_number(const char **text, uint64_t *number)
{
    const char *first = *text;

    for (*number = 0; **text >= '0' && **text <= '9' && *number <= PART_COUNT_MAX; ++*text)
        *number = *number * 10 + (uint64_t)(**text - '0');
    return *text > first && *number >= 1 && *number <= PART_COUNT_MAX;
}

bool part_parse(const char *text, struct part *part, struct error *error)
{
    uint64_t number, count;
    const char *rest = text;

    if (text == NULL) {
        part_set(part, 1, 1);
        return true;
    }
    if (!take_number(&rest, &number) || *rest++ != '/' || !take_number(&rest, &count) || *rest != '\0' ||
        number > count)
        return error_set(error, ERROR_FATAL, "usage", "--subset takes a part like 1/7, of at most %d, not \"%s\"",
                         PART_COUNT_MAX, text);
    part_set(part, number, count);
    return true;
}

bool part_is_all(const struct part *part)
{
    return part->count == 1;
}

bool part_has(const struct part *part, const struct uuid *producer_id)
{
    uint64_t tail = 0;

    for (size_t i = UUID_BYTES - 4; i < UUID_BYTES; i++)
        tail = tail << 8 | producer_id->bytes[i];
    return tail % part->count == part->number - 1;
}
