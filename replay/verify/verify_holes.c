#include "replay/verify/verify_holes.h"

#include <stdlib.h>

bool verify_holes_add(struct verify_holes *holes, const struct verify_hole *hole)
{
    if (holes->items == NULL)
        holes->items = calloc(VERIFY_HOLES_MAX, sizeof *holes->items);
    if (holes->items == NULL || holes->count == VERIFY_HOLES_MAX)
        return false;
    holes->items[holes->count++] = *hole;
    return true;
}

void verify_holes_close(struct verify_holes *holes)
{
    free(holes->items);
    *holes = (struct verify_holes){.count = 0};
}
