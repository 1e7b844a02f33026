#include "proto/bulk.h"

#include "proto/decimal.h"

#include <assert.h>

void bulk_init(struct bulk *bulk, size_t limit)
{
    assert(limit > 0);
    *bulk = (struct bulk){.limit = limit};
}

/* The first `size` bytes of the input, which loses them. */
static struct slice take(struct slice *input, size_t size)
{
    struct slice taken = slice_of(input->data, size);

    *input = slice_of(input->data + size, input->size - size);
    return taken;
}

/* As many of `wanted` bytes as are there. */
static size_t available(const struct slice *input, uint64_t wanted)
{
    return input->size < wanted ? input->size : (size_t)wanted;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* "<type><number>\r\n" */
static bool parse_number(struct slice line, int64_t *number)
{
    struct slice digits = slice_of(line.data + 1, line.size - 2);
    bool negative = digits.data[0] == '-';
    uint64_t value;

    if (negative)
        take(&digits, 1);
    if (!decimal_take(&digits, &value) || !slice_equal(digits, slice_from_text("\r")))
        return false;
    if (value > (uint64_t)INT64_MAX + negative)
        return false;
    *number = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static void begin_string(struct bulk *bulk, uint64_t size)
{
    bulk->stop = size >= bulk->limit;
    if (bulk->stop)
        bulk->string_bytes = (size_t)size;
    bulk->keep_bytes = bulk->stop ? bulk->limit : size;
    bulk->drop_bytes = size - bulk->keep_bytes;
    bulk->state = BULK_KEEP;
}

/* What a whole line says about the bytes behind it. */
static bool heed_number(struct bulk *bulk, struct slice line)
{
    int64_t number;
    char type = (char)line.data[0];

    if (!parse_number(line, &number))
        return false;
    bulk->state = BULK_TYPE;
    if (type == ':')
        return true;
    if (number < -1 || number > (type == '$' ? BULK_STRING_MAX : BULK_ELEMENTS_MAX))
        return false;
    if (type == '$' && number >= 0)
        begin_string(bulk, (uint64_t)number);
    return true;
}

/* The next line, or what is there of it. Its end is in its last byte, or has not come. */
static struct slice front_line(const struct slice *input, size_t bytes_max)
{
    size_t size = available(input, bytes_max);
    const uint8_t *end = memchr(input->data, '\n', size);

    return slice_of(input->data, end == NULL ? size : (size_t)(end + 1 - input->data));
}

static bool is_ended(struct slice line)
{
    return line.size > 0 && line.data[line.size - 1] == '\n';
}

static void hold_back(struct bulk *bulk, struct slice part)
{
    memcpy(bulk->number + bulk->number_bytes, part.data, part.size);
    bulk->number_bytes += part.size;
}

/* A number that begins here passes with what is around it, unless it has to wait for its end or to be replaced. */
static bool begin_number(struct bulk *bulk, struct slice *input)
{
    struct slice line = front_line(input, BULK_NUMBER_MAX);

    if (!is_ended(line)) {
        bulk->state = BULK_NUMBER;
        return line.size < BULK_NUMBER_MAX;
    }
    if (!heed_number(bulk, line))
        return false;
    if (bulk->drop_bytes > 0)
        bulk->state = BULK_NUMBER;
    else
        take(input, line.size);
    return true;
}

/* The number in hand says what is to be kept of the string. */
static void replace_number(struct bulk *bulk)
{
    bulk->number_bytes = 1 + decimal_write(bulk->keep_bytes, bulk->number + 1);
    hold_back(bulk, slice_from_text("\r\n"));
}

/* Nothing comes out before the line is whole. */
static bool go_on_with_number(struct bulk *bulk, struct slice *input, struct slice *number)
{
    struct slice part = front_line(input, BULK_NUMBER_MAX - bulk->number_bytes);

    hold_back(bulk, take(input, part.size));
    if (!is_ended(part))
        return bulk->number_bytes < BULK_NUMBER_MAX;
    if (!heed_number(bulk, slice_of(bulk->number, bulk->number_bytes)))
        return false;
    if (bulk->state == BULK_KEEP && bulk->drop_bytes > 0)
        replace_number(bulk);
    *number = slice_of(bulk->number, bulk->number_bytes);
    bulk->number_bytes = 0;
    return true;
}

/* ---- all else ---------------------------------------------------------------------------------------------------- */

static bool begin(struct bulk *bulk, struct slice *input)
{
    switch (input->data[0]) {
    case '+':
    case '-':
        bulk->line_bytes = 0;
        bulk->line_cr = false;
        bulk->state = BULK_LINE;
        return true;
    case '$':
    case '*':
    case ':':
        return begin_number(bulk, input);
    default:
        return false;
    }
}

/* A line of free text ends at the first CR LF. */
static bool pass_line(struct bulk *bulk, struct slice *input)
{
    struct slice part = front_line(input, BULK_LINE_MAX + 1 - bulk->line_bytes);
    bool cr_before_last = part.size > 1 ? part.data[part.size - 2] == '\r' : bulk->line_cr;

    take(input, part.size);
    if (is_ended(part) && cr_before_last) {
        bulk->state = BULK_TYPE;
        return true;
    }
    bulk->line_cr = part.data[part.size - 1] == '\r';
    bulk->line_bytes += part.size;
    return bulk->line_bytes <= BULK_LINE_MAX;
}

static bool keep(struct bulk *bulk, struct slice *input)
{
    bulk->keep_bytes -= take(input, available(input, bulk->keep_bytes)).size;
    if (bulk->keep_bytes == 0)
        bulk->state = bulk->drop_bytes == 0 ? BULK_END_CR : BULK_DROP;
    return true;
}

static void drop(struct bulk *bulk, struct slice *input)
{
    bulk->drop_bytes -= take(input, available(input, bulk->drop_bytes)).size;
    if (bulk->drop_bytes == 0)
        bulk->state = BULK_END_CR;
}

static bool take_end(struct bulk *bulk, struct slice *input)
{
    char expected = bulk->state == BULK_END_CR ? '\r' : '\n';

    if ((char)take(input, 1).data[0] != expected)
        return false;
    bulk->state = bulk->state == BULK_END_CR ? BULK_END_LF : BULK_TYPE;
    return true;
}

/* Take one thing off the front that passes as it is; or find that the next one does not, and leave it. */
static bool step(struct bulk *bulk, struct slice *input)
{
    switch (bulk->state) {
    case BULK_TYPE:
        return begin(bulk, input);
    case BULK_LINE:
        return pass_line(bulk, input);
    case BULK_KEEP:
        return keep(bulk, input);
    case BULK_END_CR:
    case BULK_END_LF:
        return take_end(bulk, input);
    case BULK_NUMBER:
    case BULK_DROP:
        break;
    }
    return false;
}

/* Whether the stretch ends here: what follows is no part of it, or another's. */
static bool stretch_ends(const struct bulk *bulk)
{
    return bulk->state == BULK_NUMBER || bulk->state == BULK_DROP || (bulk->state == BULK_TYPE && bulk->stop);
}

bool bulk_pass(struct bulk *bulk, struct slice *input, struct bulk_passed *passed)
{
    struct slice number = {0};

    if (bulk->state == BULK_NUMBER && !go_on_with_number(bulk, input, &number))
        return false;
    if (bulk->state == BULK_DROP)
        drop(bulk, input);
    if (bulk->state == BULK_TYPE)
        bulk->stop = false;

    const uint8_t *begin_of_rest = input->data;
    while (input->size > 0 && !stretch_ends(bulk)) {
        if (!step(bulk, input))
            return false;
    }
    passed->number = number;
    passed->rest = slice_of(begin_of_rest, (size_t)(input->data - begin_of_rest));
    return true;
}
