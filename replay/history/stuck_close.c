#include "replay/history/stuck_close.h"

#include "proto/stream.h"
#include "replay/shell.h"
#include "replay/zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WORDS_BYTES = 256 };

/* A command as it grows. */
struct line {
    struct slice text; /* data NULL: no memory */
    struct arena *arena;
};

static void add(struct line *line, const char *words, struct slice word)
{
    const struct slice parts[] = {line->text, slice_from_text(words), word};
    uint8_t *joined = line->text.data == NULL || word.data == NULL
                          ? NULL
                          : arena_take(line->arena, parts[0].size + parts[1].size + parts[2].size);
    size_t size = 0;

    for (size_t i = 0; joined != NULL && i < sizeof parts / sizeof *parts; i++) {
        memcpy(joined + size, parts[i].data, parts[i].size);
        size += parts[i].size;
    }
    line->text = slice_of(joined, size);
}

static void add_quoted(struct line *line, const char *words, struct slice word)
{
    if (word.size > 0)
        add(line, words, shell_quote(word, line->arena));
}

static void add_stream(struct line *line, const struct stuck_close *task)
{
    char shards[WORDS_BYTES];

    if (strcmp(task->stream, STREAM_DEFAULT) != 0)
        add_quoted(line, " --stream ", slice_from_text(task->stream));
    snprintf(shards, sizeof shards, "%u", task->shards);
    if (task->shards != 1)
        add(line, " --shards ", slice_from_text(shards));
}

struct slice stuck_close_command(const struct stuck_close *task, struct arena *arena)
{
    static const struct zone utc = {.is_local = false};
    struct line line = {.text = slice_from_text("taskledger-emit status"), .arena = arena};
    char attempt[WORDS_BYTES], since[ZONE_TEXT_BYTES], reason[WORDS_BYTES];

    zone_format(&utc, task->silent_since_us, since);
    snprintf(attempt, sizeof attempt, "%" PRIu32, task->attempt);
    snprintf(reason, sizeof reason, "no sign of life since %s", since);

    add(&line, " --attempt ", slice_from_text(attempt));
    add_quoted(&line, " --queue ", task->queue);
    add_quoted(&line, " --step ", task->step);
    add_quoted(&line, " --error-type ", slice_from_text("Stuck"));
    add_quoted(&line, " --error ", slice_from_text(reason));
    add_stream(&line, task);
    add_quoted(&line, " -- ", task->task_id);
    add(&line, " FAILURE", slice_from_text(""));
    return line.text;
}
