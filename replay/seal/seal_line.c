#include "replay/seal/seal_line.h"

#include "proto/decimal.h"

#include <inttypes.h>
#include <stdio.h>

bool seal_line_count(struct seal_totals *totals, const struct seal_segment *segment,
                     const struct uuid *last_producer_id)
{
    bool is_other = totals->segments == 0 || uuid_compare(&segment->producer_id, last_producer_id) != 0;
    uint64_t events;

    if (__builtin_add_overflow(totals->events, segment->last - segment->first + 1, &events))
        return false;
    totals->events = events;
    totals->segments++;
    totals->producers += is_other;
    return true;
}

size_t seal_line_format(const struct seal_segment *segment, char line[SEAL_LINE_BYTES_MAX])
{
    char producer[UUID_TEXT_BYTES], digest[DIGEST_HEX_BYTES], sum[DIGEST_HEX_BYTES];

    uuid_format(&segment->producer_id, producer);
    digest_format(&segment->digest, digest);
    digest_format(&segment->sum, sum);
    return (size_t)snprintf(line, SEAL_LINE_BYTES_MAX, "%s %" PRIu64 " %" PRIu64 " %s %s\n", producer, segment->first,
                            segment->last, digest, sum);
}

/* Up to the next blank; what is behind it stays. The last word ends with the line. */
static struct slice take_word(struct slice *line)
{
    const uint8_t *blank = line->size == 0 ? NULL : memchr(line->data, ' ', line->size);
    struct slice word = slice_of(line->data, blank == NULL ? line->size : (size_t)(blank - line->data));
    size_t taken = blank == NULL ? line->size : word.size + 1;

    line->data += taken;
    line->size -= taken;
    return word;
}

bool seal_line_parse(struct slice line, struct seal_segment *segment)
{
    struct seal_segment read;
    char producer[UUID_TEXT_BYTES], again[SEAL_LINE_BYTES_MAX];
    struct slice rest = line, word = take_word(&rest);

    if (line.size >= SEAL_LINE_BYTES_MAX - 1 || word.size != UUID_TEXT_BYTES - 1)
        return false;
    memcpy(producer, word.data, word.size);
    producer[word.size] = '\0';
    if (!uuid_parse(producer, &read.producer_id) || !decimal_read(take_word(&rest), INT64_MAX, &read.first) ||
        !decimal_read(take_word(&rest), INT64_MAX, &read.last) || !digest_parse(take_word(&rest), &read.digest) ||
        !digest_parse(take_word(&rest), &read.sum))
        return false;

    /* One spelling only: what is read is what would be written. */
    size_t size = seal_line_format(&read, again);
    if (read.first == 0 || read.first > read.last || !slice_equal(line, slice_of(again, size - 1)))
        return false;
    *segment = read;
    return true;
}

bool seal_line_value(struct slice line, const char *word, struct slice *value)
{
    size_t size = strlen(word);

    if (line.size <= size || memcmp(line.data, word, size) != 0 || line.data[size] != ' ')
        return false;
    *value = slice_of(line.data + size + 1, line.size - size - 1);
    return true;
}
