#include "proto/redis_output.h"

#include "proto/decimal.h"

#include <assert.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 4096, NUMBER_BYTES_MAX = 1 + DECIMAL_BYTES_MAX + 2 /* type, digits, CR LF */ };

/* No less than what the command needs, and cheap to find out. */
static size_t bytes_needed(const struct slice *words, size_t count)
{
    size_t bytes = NUMBER_BYTES_MAX;

    for (size_t i = 0; i < count; i++) {
        if (words[i].size > REDIS_OUTPUT_BYTES_MAX)
            return SIZE_MAX;
        bytes += NUMBER_BYTES_MAX + words[i].size + 2;
        if (bytes > REDIS_OUTPUT_BYTES_MAX)
            return SIZE_MAX;
    }
    return bytes;
}

static bool reserve(struct redis_output *output, size_t bytes, struct error *error)
{
    size_t capacity = output->capacity == 0 ? CAPACITY_MIN : output->capacity;

    if (bytes > REDIS_OUTPUT_BYTES_MAX - output->size)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not append: more than %d MiB not yet sent",
                         REDIS_OUTPUT_BYTES_MAX >> 20);
    if (output->capacity - output->size >= bytes)
        return true;

    while (capacity - output->size < bytes)
        capacity *= 2;
    uint8_t *data = realloc(output->data, capacity);
    if (data == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not append: out of memory");
    output->data = data;
    output->capacity = capacity;
    return true;
}

static void put(struct redis_output *output, const void *bytes, size_t size)
{
    memcpy(output->data + output->size, bytes, size);
    output->size += size;
}

/* "<type><number>\r\n" */
static void put_number(struct redis_output *output, char type, size_t number)
{
    put(output, &type, 1);
    output->size += decimal_write(number, (char *)output->data + output->size);
    put(output, "\r\n", 2);
}

bool redis_output_append(struct redis_output *output, const struct slice *words, size_t count, struct error *error)
{
    assert(count > 0);
    if (!reserve(output, bytes_needed(words, count), error))
        return false;

    put_number(output, '*', count);
    for (size_t i = 0; i < count; i++) {
        put_number(output, '$', words[i].size);
        if (words[i].size > 0)
            put(output, words[i].data, words[i].size);
        put(output, "\r\n", 2);
    }
    return true;
}

bool redis_output_append_bytes(struct redis_output *output, struct slice command, struct error *error)
{
    if (!reserve(output, command.size, error))
        return false;
    put(output, command.data, command.size);
    return true;
}

void redis_output_reset(struct redis_output *output)
{
    output->size = 0;
    if (output->capacity > REDIS_OUTPUT_KEEP_BYTES)
        redis_output_close(output);
}

void redis_output_close(struct redis_output *output)
{
    if (output->data != NULL)
        explicit_bzero(output->data, output->capacity);
    free(output->data);
    *output = (struct redis_output){.data = NULL};
}
