#include "proto/cluster_slot.h"

#include "proto/crc16.h"
#include "proto/url.h"

static struct slice hashed_part(struct slice key)
{
    struct slice behind = url_behind(key, url_find(key, '{'));

    if (behind.size == 0)
        return key;
    behind = url_behind(behind, 1);
    size_t end = url_find(behind, '}');
    return end == 0 || end == behind.size ? key : url_front(behind, end);
}

unsigned cluster_slot(struct slice key)
{
    return crc16(hashed_part(key)) % CLUSTER_SLOTS;
}
