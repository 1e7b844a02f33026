#include "consumer/stream/question.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WORDS_BEFORE_KEYS = 9, /* XREADGROUP GROUP g c COUNT n BLOCK ms STREAMS */
    NUMBER_BYTES = 24,
};

struct question_place {
    struct stream_id after;
    struct stream_id furthest; /* ever, or since the groups were lost */
    char text[STREAM_ID_BYTES_MAX];
};

bool question_init(struct question *question, const char *group, const char *const *keys, unsigned shards,
                   struct error *error)
{
    *question = (struct question){.group = group, .keys = keys, .shards = shards};
    question->places = calloc(shards, sizeof *question->places);
    question->lost_at = calloc(shards, sizeof *question->lost_at);
    question->words = calloc(WORDS_BEFORE_KEYS + 2 * (size_t)shards, sizeof *question->words);
    if (question->places != NULL && question->lost_at != NULL && question->words != NULL)
        return true;

    question_close(question);
    return error_set(error, ERROR_FATAL, "memory", "cannot allocate for %u shards", shards);
}

void question_close(struct question *question)
{
    free(question->places);
    free(question->lost_at);
    free(question->words);
    *question = (struct question){0};
}

static struct slice number(char text[NUMBER_BYTES], size_t value)
{
    return slice_of(text, (size_t)snprintf(text, NUMBER_BYTES, "%zu", value));
}

static bool is_about_pending(enum reading_ask ask)
{
    return ask == READING_PENDING_FIRST || ask == READING_PENDING;
}

static struct slice from_where(struct question_place *place, enum reading_ask ask)
{
    if (!is_about_pending(ask))
        return slice_from_text(">");
    if (ask == READING_PENDING_FIRST)
        place->after = (struct stream_id){0};
    stream_id_format(place->after, place->text);
    return slice_from_text(place->text);
}

bool question_append(struct question *question, struct redis *redis, const struct question_terms *terms,
                     struct error *error)
{
    char count_text[NUMBER_BYTES];
    char wait_text[NUMBER_BYTES];
    struct slice *word = question->words;

    *word++ = slice_from_text("XREADGROUP");
    *word++ = slice_from_text("GROUP");
    *word++ = slice_from_text(question->group);
    *word++ = slice_from_text(terms->consumer);
    *word++ = slice_from_text("COUNT");
    *word++ = number(count_text, terms->count);
    if (terms->ask == READING_NEW_WAITING) {
        *word++ = slice_from_text("BLOCK");
        *word++ = number(wait_text, (size_t)terms->wait_ms);
    }
    *word++ = slice_from_text("STREAMS");
    for (unsigned shard = 0; shard < question->shards; shard++)
        *word++ = slice_from_text(question->keys[shard]);
    for (unsigned shard = 0; shard < question->shards; shard++)
        *word++ = from_where(&question->places[shard], terms->ask);
    return redis_append(redis, question->words, (size_t)(word - question->words), error);
}

void question_passed(struct question *question, const struct entry *entry)
{
    struct question_place *place = &question->places[entry->shard - question->first];

    place->after = entry->id;
    if (stream_id_compare(entry->id, place->furthest) > 0)
        place->furthest = entry->id;
}

const struct stream_id *question_lost(struct question *question, uint64_t groups)
{
    for (unsigned shard = 0; groups > 0 && shard < question->shards; shard++) {
        question->lost_at[shard] = question->places[shard].furthest;
        question->places[shard].furthest = (struct stream_id){0};
    }
    return question->lost_at;
}
