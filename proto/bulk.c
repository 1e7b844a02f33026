#include "proto/bulk.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

struct output {
    uint8_t *data;
    size_t used;
    size_t capacity;
};

void bulk_init(struct bulk *bulk, size_t limit)
{
    assert(limit > 0);
    *bulk = (struct bulk){.limit = limit};
}

static void put(struct output *output, const void *bytes, size_t size)
{
    assert(output->capacity - output->used >= size);
    memcpy(output->data + output->used, bytes, size);
    output->used += size;
}

/* Up to `size` bytes, as many as are there and fit. */
static size_t move(struct slice *input, struct output *output, uint64_t size)
{
    size_t room = output->capacity - output->used;
    size_t count = input->size < room ? input->size : room;

    if (count > size)
        count = (size_t)size;
    put(output, input->data, count);
    *input = slice_of(input->data + count, input->size - count);
    return count;
}

static uint8_t take(struct slice *input)
{
    uint8_t byte = input->data[0];

    *input = slice_of(input->data + 1, input->size - 1);
    return byte;
}

static bool take_type(struct bulk *bulk, struct slice *input, struct output *output)
{
    char type = (char)take(input);

    if (type == '+' || type == '-') {
        put(output, &type, 1);
        bulk->line_bytes = 0;
        bulk->line_cr = false;
        bulk->state = BULK_LINE;
        return true;
    }
    if (type == '$' || type == '*' || type == ':') {
        bulk->number[0] = type;
        bulk->number_bytes = 1;
        bulk->state = BULK_NUMBER;
        return true;
    }
    return false;
}

/* A line of free text ends at the first CR LF. */
static bool pass_line(struct bulk *bulk, struct slice *input, struct output *output)
{
    while (input->size > 0 && output->used < output->capacity) {
        uint8_t byte = take(input);

        put(output, &byte, 1);
        if (byte == '\n' && bulk->line_cr) {
            bulk->state = BULK_TYPE;
            return true;
        }
        bulk->line_cr = byte == '\r';
        if (++bulk->line_bytes > BULK_LINE_MAX)
            return false;
    }
    return true;
}

/* The number between type and CR LF. */
static bool parse_number(const struct bulk *bulk, int64_t *number)
{
    const char *text = bulk->number + 1;
    const char *end = bulk->number + bulk->number_bytes - 2;
    bool negative = text < end && *text == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    uint64_t value = 0;

    text += negative;
    if (text >= end || end[0] != '\r')
        return false;
    for (; text < end; text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (*text < '0' || *text > '9' || value > (limit - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static void begin_string(struct bulk *bulk, uint64_t size, struct output *output)
{
    if (size >= bulk->limit)
        bulk->string_bytes = (size_t)size;
    bulk->stop = size >= bulk->limit;
    bulk->keep_bytes = size < bulk->limit ? size : bulk->limit;
    bulk->drop_bytes = size - bulk->keep_bytes;
    bulk->number_bytes = (size_t)snprintf(bulk->number, sizeof bulk->number, "$%" PRIu64 "\r\n", bulk->keep_bytes);
    put(output, bulk->number, bulk->number_bytes);
    bulk->state = BULK_KEEP;
}

/* A whole line "<type><number>\r\n" is there. */
static bool end_number(struct bulk *bulk, struct output *output)
{
    int64_t number;
    char type = bulk->number[0];

    if (!parse_number(bulk, &number))
        return false;
    if (type != ':' && number < -1)
        return false;
    if ((type == '*' && number > BULK_ELEMENTS_MAX) || (type == '$' && number > BULK_STRING_MAX))
        return false;

    if (type == '$' && number >= 0) {
        begin_string(bulk, (uint64_t)number, output);
        return true;
    }
    put(output, bulk->number, bulk->number_bytes);
    bulk->state = BULK_TYPE;
    return true;
}

static bool take_number(struct bulk *bulk, struct slice *input, struct output *output)
{
    while (input->size > 0) {
        char byte = (char)take(input);

        if (bulk->number_bytes == sizeof bulk->number)
            return false;
        bulk->number[bulk->number_bytes++] = byte;
        if (byte == '\n')
            return end_number(bulk, output);
    }
    return true;
}

static void drop(struct bulk *bulk, struct slice *input)
{
    size_t count = input->size < bulk->drop_bytes ? input->size : (size_t)bulk->drop_bytes;

    *input = slice_of(input->data + count, input->size - count);
    bulk->drop_bytes -= count;
    if (bulk->drop_bytes == 0)
        bulk->state = BULK_END_CR;
}

static bool take_end(struct bulk *bulk, struct slice *input, struct output *output)
{
    char expected = bulk->state == BULK_END_CR ? '\r' : '\n';

    if ((char)take(input) != expected)
        return false;
    put(output, &expected, 1);
    bulk->state = bulk->state == BULK_END_CR ? BULK_END_LF : BULK_TYPE;
    return true;
}

static bool step(struct bulk *bulk, struct slice *input, struct output *output)
{
    switch (bulk->state) {
    case BULK_TYPE:
        return take_type(bulk, input, output);
    case BULK_NUMBER:
        return take_number(bulk, input, output);
    case BULK_LINE:
        return pass_line(bulk, input, output);
    case BULK_KEEP:
        bulk->keep_bytes -= move(input, output, bulk->keep_bytes);
        if (bulk->keep_bytes == 0)
            bulk->state = bulk->drop_bytes == 0 ? BULK_END_CR : BULK_DROP;
        return true;
    case BULK_DROP:
        drop(bulk, input);
        return true;
    case BULK_END_CR:
    case BULK_END_LF:
        return take_end(bulk, input, output);
    }
    return false;
}

bool bulk_pass(struct bulk *bulk, struct slice *input, uint8_t *output, size_t capacity, size_t *written)
{
    struct output out = {.data = output, .capacity = capacity};

    /* Each step puts out what fits, or at most one number. */
    while (input->size > 0 && out.capacity - out.used >= BULK_NUMBER_MAX) {
        bool ended = bulk->stop && bulk->state == BULK_END_LF;

        if (!step(bulk, input, &out))
            return false;
        if (ended) {
            bulk->stop = false;
            break;
        }
    }
    *written = out.used;
    return true;
}
