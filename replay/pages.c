#include "replay/pages.h"

#include <assert.h>
#include <string.h>

/* A key column is never NULL and never longer than a task_id may be. */
static void remember_keys(struct pages *pages)
{
    size_t last = postgres_rows(pages->page) - 1;

    for (size_t i = 0; i < pages->key_count; i++) {
        struct slice value = {.size = 0};

        postgres_value(pages->page, last, i, &value);
        pages->keys[i].size = value.size < PAGES_KEY_BYTES_MAX ? value.size : PAGES_KEY_BYTES_MAX;
        if (value.size > 0)
            memcpy(pages->keys[i].bytes, value.data, pages->keys[i].size);
    }
}

static bool fetch(struct pages *pages, struct error *error)
{
    struct postgres_parameter parameters[PAGES_KEYS_MAX + PAGES_CONSTANTS_MAX];
    size_t count = pages->key_count + pages->constant_count;

    assert(pages->key_count <= PAGES_KEYS_MAX && pages->constant_count <= PAGES_CONSTANTS_MAX);
    for (size_t i = 0; i < pages->key_count; i++)
        parameters[i] = (struct postgres_parameter){.value = slice_of(pages->keys[i].bytes, pages->keys[i].size)};
    for (size_t i = 0; i < pages->constant_count; i++)
        parameters[pages->key_count + i] = pages->constants[i];

    pages_close(pages);
    if (!postgres_query(pages->postgres, pages->statement, parameters, count, &pages->page, error))
        return false;
    pages->started = true;
    pages->row = 0;
    pages->ended = postgres_rows(pages->page) == 0;
    if (!pages->ended)
        remember_keys(pages);
    return true;
}

bool pages_next(struct pages *pages, struct error *error)
{
    if (pages->ended)
        return true;
    if (!pages->started || pages->row + 1 == postgres_rows(pages->page))
        return fetch(pages, error);
    pages->row++;
    return true;
}

bool pages_value(const struct pages *pages, size_t column, struct slice *value)
{
    assert(pages->page != NULL && !pages->ended);
    return postgres_value(pages->page, pages->row, column, value);
}

void pages_close(struct pages *pages)
{
    postgres_result_free(pages->page);
    pages->page = NULL;
}
