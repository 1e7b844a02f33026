/* Any bytes: making the canon ends within them; what PostgreSQL would take has one, unless it is a bare depth; a text
 * means the same as itself with blanks around it; and what has none is not plain. */
#include "proto/json.h"
#include "replay/verify/canon.h"
#include "replay/verify/plain.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void surround(struct slice text, struct arena *arena)
{
    uint8_t *wider = malloc(text.size + 2);

    assert(wider != NULL);
    wider[0] = ' ';
    memcpy(wider + 1, text.data, text.size);
    wider[text.size + 1] = '\n';
    assert(canon_same(text, slice_of(wider, text.size + 2), arena));
    free(wider);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size), canon;
    struct arena arena = {.limit_bytes = 0};
    size_t offset;
    bool has_canon = canon_of(text, &arena, &canon);

    if (json_check_object(text, JSON_DEPTH_MAX, &offset) == NULL)
        assert(has_canon);
    assert(has_canon || !plain_same(text, text));
    if (has_canon)
        surround(text, &arena);
    arena_close(&arena);
    return 0;
}
