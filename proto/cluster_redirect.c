#include "proto/cluster_redirect.h"

#include "proto/cluster_slot.h"
#include "proto/decimal.h"
#include "proto/url.h"

static const struct {
    const char *start;
    enum cluster_redirect_kind kind;
} kinds[] = {
    {"MOVED ", CLUSTER_MOVED},
    {"ASK ", CLUSTER_ASK},
};

static bool take_kind(struct slice *answer, enum cluster_redirect_kind *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (url_take_start(answer, kinds[i].start)) {
            *kind = kinds[i].kind;
            return true;
        }
    return false;
}

/* An IPv6 address stands here without brackets: the port is behind the last colon. */
static bool read_node(struct slice place, const struct redis_url_node *asked, struct redis_url_node *node)
{
    const uint8_t *colon = place.size == 0 ? NULL : memrchr(place.data, ':', place.size);
    struct error ignored;

    if (colon == NULL)
        return false;
    size_t host_bytes = (size_t)(colon - place.data);
    struct slice host = host_bytes == 0 ? slice_from_text(asked->host) : url_front(place, host_bytes);
    return redis_url_read_node(host, url_behind(place, host_bytes + 1), node, &ignored);
}

bool cluster_redirect_read(struct slice answer, const struct redis_url_node *asked, struct cluster_redirect *redirect)
{
    struct cluster_redirect read;
    uint64_t slot;

    if (!take_kind(&answer, &read.kind) || !decimal_read(url_take(&answer, ' '), CLUSTER_SLOTS - 1, &slot) ||
        !read_node(answer, asked, &read.node))
        return false;
    read.slot = (unsigned)slot;
    *redirect = read;
    return true;
}
