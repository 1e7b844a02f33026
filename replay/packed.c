#include "replay/packed.h"

#include "replay/fold.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

size_t packed_bytes(const struct gathered *what)
{
    struct projection projection = what->projection;
    size_t bytes = sizeof(struct packed);

    for (size_t i = 0; i < FOLD_TEXTS; i++)
        bytes += fold_text(&projection, i)->size;
    return (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

void packed_write(struct packed *packed, size_t room, const struct gathered *what)
{
    uint8_t *end = packed->texts;

    packed->record.bytes = packed_bytes(what);
    packed->room = room;
    packed->what = *what;
    assert(packed->record.bytes <= room);
    for (size_t i = 0; i < FOLD_TEXTS; i++) {
        struct slice *text = fold_text(&packed->what.projection, i);

        if (text->size > 0)
            memcpy(end, text->data, text->size);
        end += text->size;
        text->data = NULL;
    }
}

void packed_read(const struct packed *packed, struct gathered *what)
{
    const uint8_t *text = packed->texts;

    *what = packed->what;
    for (size_t i = 0; i < FOLD_TEXTS; i++) {
        struct slice *slice = fold_text(&what->projection, i);

        slice->data = slice->size > 0 ? text : NULL;
        text += slice->size;
    }
}
