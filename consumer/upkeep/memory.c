#include "consumer/upkeep/memory.h"

#include <string.h>

/* The number behind `name` at the beginning of a line; -1 if there is none. */
static int64_t read_number(struct slice info, const char *name)
{
    size_t length = strlen(name);
    const uint8_t *end = info.data + info.size;

    for (const uint8_t *line = info.data; line != NULL && line + length < end;) {
        if (memcmp(line, name, length) == 0) {
            int64_t value = 0;

            for (line += length; line < end && *line >= '0' && *line <= '9' && value < INT64_MAX / 10 - 1; line++)
                value = 10 * value + (*line - '0');
            return value;
        }
        line = memchr(line, '\n', (size_t)(end - line));
        if (line != NULL)
            line++;
    }
    return -1;
}

/* Divided, not multiplied: whatever a server says, it does not overflow. */
static bool exceeds(const struct memory *memory, int percent)
{
    return memory->max_bytes > 0 && memory->used_bytes / percent > memory->max_bytes / 100;
}

void memory_note(struct memory *memory, struct slice info)
{
    memory->used_bytes = read_number(info, "used_memory:");
    memory->max_bytes = read_number(info, "maxmemory:");
    memory->is_short = exceeds(memory, memory->is_short ? MEMORY_ENOUGH_PERCENT : MEMORY_SHORT_PERCENT);
}

/* Not known of one is not known of all; no limit for one is none for all. */
static void add(struct memory *sum, const struct memory *one)
{
    bool known = sum->used_bytes >= 0 && one->used_bytes >= 0 && sum->max_bytes >= 0 && one->max_bytes >= 0;
    bool limited = sum->max_bytes != 0 && one->max_bytes != 0;

    sum->used_bytes = known ? sum->used_bytes + one->used_bytes : -1;
    sum->max_bytes = !known ? -1 : limited ? sum->max_bytes + one->max_bytes : 0;
    sum->is_short |= one->is_short;
}

static bool look_at(struct memory *memory, struct redis *line, struct arena *arena, struct error *error)
{
    const struct slice words[] = {slice_from_text("INFO"), slice_from_text("memory")};
    struct reply reply;

    if (!redis_call(line, REDIS_WORDS(words), arena, &reply, error))
        return false;
    memory_note(memory, reply.type == REPLY_STRING ? reply.text : (struct slice){0});
    return true;
}

bool memory_look(struct memory *memory, struct redis *line, struct arena *arena, struct error *error)
{
    size_t nodes = redis_nodes(line);
    struct memory sum = {.used_bytes = -1, .max_bytes = -1};

    for (size_t node = 0; node < nodes; node++) {
        struct memory one = {.is_short = memory->is_short};

        redis_turn_to(line, node);
        if (!look_at(&one, line, arena, error))
            return false;
        if (node == 0)
            sum = one;
        else
            add(&sum, &one);
    }
    *memory = sum;
    return true;
}
