#include "consumer/stream/shelves.h"

#include <stdlib.h>

bool shelves_init(struct shelves *shelves, const char *const *keys, unsigned shards)
{
    shelves->reader = (struct entry_reader){
        .shape = ENTRY_SHAPE_GROUP, .capacity = BATCH_ENTRIES_MAX, .keys = keys, .shards = shards};
    for (struct shelf *shelf = shelves->shelves; shelf < shelves->shelves + 2; shelf++) {
        arena_init(&shelf->arena, SHELF_BYTES_MAX);
        shelf->entries = calloc(BATCH_ENTRIES_MAX, sizeof *shelf->entries);
    }
    shelves->filled = shelves->shelves;
    shelves_clear(shelves);
    return shelves->shelves[0].entries != NULL && shelves->shelves[1].entries != NULL;
}

void shelves_close(struct shelves *shelves)
{
    for (struct shelf *shelf = shelves->shelves; shelf < shelves->shelves + 2; shelf++) {
        arena_close(&shelf->arena);
        free(shelf->entries);
    }
}

void shelves_clear(struct shelves *shelves)
{
    arena_reset(&shelves->filled->arena, SHELF_KEPT_BYTES);
    shelves->reader.arena = &shelves->filled->arena;
    shelves->reader.entries = shelves->filled->entries;
    shelves->reader.count = 0;
    shelves->reader.bytes = 0;
}

struct batch shelves_hand_out(struct shelves *shelves)
{
    struct batch batch = {.entries = shelves->reader.entries, .count = shelves->reader.count};

    shelves->filled = shelves->filled == shelves->shelves ? shelves->shelves + 1 : shelves->shelves;
    shelves_clear(shelves);
    return batch;
}
