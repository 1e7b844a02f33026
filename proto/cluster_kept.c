#include "proto/cluster_kept.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { COMMANDS_MIN = 64 };

void cluster_kept_forget(struct cluster_kept *kept)
{
    kept->first = 0;
    kept->end = 0;
    redis_output_reset(&kept->bytes);
}

void cluster_kept_close(struct cluster_kept *kept)
{
    redis_output_close(&kept->bytes);
    free(kept->commands);
    *kept = (struct cluster_kept){.first = 0};
}

/* ---- adding ------------------------------------------------------------------------------------------------------ */

static bool reserve(struct cluster_kept *kept, struct error *error)
{
    size_t capacity = kept->capacity == 0 ? COMMANDS_MIN : 2 * kept->capacity;

    if (kept->end < kept->capacity)
        return true;
    struct cluster_kept_command *commands = reallocarray(kept->commands, capacity, sizeof *commands);
    if (commands == NULL)
        return error_set(error, ERROR_TRANSIENT, "memory", "could not append: out of memory");
    kept->commands = commands;
    kept->capacity = capacity;
    return true;
}

bool cluster_kept_add(struct cluster_kept *kept, const struct slice *words, size_t count, unsigned link,
                      struct error *error)
{
    size_t offset = kept->bytes.size;

    if (!reserve(kept, error) || !redis_output_append(&kept->bytes, words, count, error))
        return false;
    kept->commands[kept->end++] =
        (struct cluster_kept_command){.offset = offset, .size = kept->bytes.size - offset, .link = link};
    return true;
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

const struct cluster_kept_command *cluster_kept_front(const struct cluster_kept *kept)
{
    return kept->first == kept->end ? NULL : &kept->commands[kept->first];
}

const struct cluster_kept_command *cluster_kept_last(const struct cluster_kept *kept)
{
    assert(kept->first < kept->end);
    return &kept->commands[kept->end - 1];
}

struct slice cluster_kept_bytes(const struct cluster_kept *kept, const struct cluster_kept_command *command)
{
    return slice_of(kept->bytes.data + command->offset, command->size);
}

/* ---- losing ------------------------------------------------------------------------------------------------------ */

void cluster_kept_lose_last(struct cluster_kept *kept)
{
    assert(kept->first < kept->end);
    kept->commands[kept->end - 1].is_lost = true;
}

void cluster_kept_lose(struct cluster_kept *kept, unsigned link, bool not_the_front)
{
    for (size_t i = kept->first + not_the_front; i < kept->end; i++)
        if (kept->commands[i].link == link)
            kept->commands[i].is_lost = true;
}

/* ---- taking out -------------------------------------------------------------------------------------------------- */

/* Move what is on its way to the beginning. */
static void close_up(struct cluster_kept *kept)
{
    size_t gone = kept->commands[kept->first].offset;
    size_t count = cluster_kept_count(kept);

    kept->bytes.size -= gone;
    memmove(kept->bytes.data, kept->bytes.data + gone, kept->bytes.size);
    memmove(kept->commands, kept->commands + kept->first, count * sizeof *kept->commands);
    for (size_t i = 0; i < count; i++)
        kept->commands[i].offset -= gone;
    kept->first = 0;
    kept->end = count;
}

void cluster_kept_answered(struct cluster_kept *kept)
{
    assert(kept->first < kept->end);
    if (++kept->first == kept->end) {
        cluster_kept_forget(kept);
        return;
    }
    /* Not before half of it is gone, so that no byte is moved more than once on average. */
    size_t gone = kept->commands[kept->first].offset;
    if (gone >= CLUSTER_KEPT_SLACK_BYTES && gone >= kept->bytes.size / 2)
        close_up(kept);
}
