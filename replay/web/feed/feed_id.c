#include "replay/web/feed/feed_id.h"

#include <assert.h>
#include <string.h>

size_t feed_id_bytes_max(unsigned shards)
{
    return FEED_ID_EPOCH_DIGITS + (size_t)shards * STREAM_ID_BYTES_MAX + 1;
}

size_t feed_id_format(const char *epoch, const struct stream_id *places, unsigned shards, char *text)
{
    size_t length = FEED_ID_EPOCH_DIGITS;

    assert(strlen(epoch) == length);
    memcpy(text, epoch, length);
    for (unsigned shard = 0; shard < shards; shard++) {
        text[length++] = shard == 0 ? '.' : ',';
        stream_id_format(places[shard], text + length);
        length += strlen(text + length);
    }
    return length;
}

static bool is_epoch(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t digit = text.data[i];
        if (!(digit >= '0' && digit <= '9') && !(digit >= 'a' && digit <= 'f'))
            return false;
    }
    return true;
}

/* Digits have more than one way to say a number: 07 is not what we wrote. */
static bool read_place(struct slice text, struct stream_id *place)
{
    char canonical[STREAM_ID_BYTES_MAX];

    if (!stream_id_parse(text, place) || place->ms > INT64_MAX || place->sequence > INT64_MAX)
        return false;
    stream_id_format(*place, canonical);
    return slice_equal(text, slice_from_text(canonical));
}

/* Takes the next one off the front, and the comma behind it, which another one has to follow. */
static bool take_place(struct slice *text, bool *more, struct stream_id *place)
{
    const uint8_t *comma = text->size == 0 ? NULL : memchr(text->data, ',', text->size);
    size_t size = comma == NULL ? text->size : (size_t)(comma - text->data);

    if (!read_place(slice_of(text->data, size), place))
        return false;
    *more = comma != NULL;
    *text = *more ? slice_of(comma + 1, text->size - size - 1) : slice_of(NULL, 0);
    return true;
}

/* How many there are; 0: not a place. */
static unsigned read_places(struct slice text, struct stream_id *places, unsigned capacity)
{
    unsigned count = 0;
    bool more = true;

    while (more) {
        struct stream_id place;

        if (count == STREAM_SHARDS_MAX || !take_place(&text, &more, &place))
            return 0;
        if (count < capacity)
            places[count] = place;
        count++;
    }
    return count;
}

enum feed_id_verdict feed_id_parse(struct slice text, const char *epoch, struct stream_id *places, unsigned shards)
{
    struct slice first = slice_of(text.data, text.size < FEED_ID_EPOCH_DIGITS ? text.size : FEED_ID_EPOCH_DIGITS);
    struct stream_id found[STREAM_SHARDS_MAX];

    if (text.size <= FEED_ID_EPOCH_DIGITS || !is_epoch(first) || text.data[FEED_ID_EPOCH_DIGITS] != '.')
        return FEED_ID_BAD;
    text = slice_of(text.data + FEED_ID_EPOCH_DIGITS + 1, text.size - FEED_ID_EPOCH_DIGITS - 1);

    unsigned count = read_places(text, found, STREAM_SHARDS_MAX);
    if (count == 0)
        return FEED_ID_BAD;
    if (count != shards)
        return FEED_ID_SHARDS;
    if (!slice_equal(first, slice_from_text(epoch)))
        return FEED_ID_EPOCH;
    memcpy(places, found, shards * sizeof *places);
    return FEED_ID_GOOD;
}
