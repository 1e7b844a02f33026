#include "proto/cluster_inside.h"
#include "proto/cluster_key.h"
#include "proto/cluster_redirect.h"
#include "proto/redis_error.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ------------------------------------------------------------------------------------------------------ */

struct cluster *cluster_new(const struct redis_settings *settings)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);

    if (cluster != NULL)
        cluster->settings = settings;
    return cluster;
}

void cluster_free(struct cluster *cluster)
{
    if (cluster == NULL)
        return;
    cluster_links_free(cluster);
    cluster_kept_close(&cluster->kept);
    free(cluster);
}

void cluster_abandon(struct cluster *cluster)
{
    cluster_links_abandon(cluster);
}

void cluster_disconnect(struct cluster *cluster)
{
    cluster_links_close(cluster);
    cluster_kept_forget(&cluster->kept);
    cluster->redirects = 0;
    cluster->is_connected = false;
}

bool cluster_is_connected(const struct cluster *cluster)
{
    return cluster->is_connected;
}

bool cluster_connect(struct cluster *cluster, int64_t connect_by_us, struct error *error)
{
    struct redis_link *link = cluster_links_make(cluster, &cluster->detour, error);

    assert(!cluster->is_connected);
    if (link == NULL)
        return false;
    cluster_disconnect(cluster);
    cluster->turned_to = 0;
    memset(cluster->away, 0, sizeof cluster->away);
    cluster->is_connected = cluster_learn(cluster, link, connect_by_us, error);
    return cluster->is_connected;
}

/* ---- saying ------------------------------------------------------------------------------------------------------ */

/* The line is not what it was, and who has what may not be either. */
static bool fail(struct cluster *cluster)
{
    cluster_doubt(cluster);
    cluster_disconnect(cluster);
    return false;
}

/* The place of the node to begin with. One that has no owner we know of, and what has no key, anybody can answer: he
 * will know better. */
static unsigned place_of(const struct cluster *cluster, const struct slice *words, size_t count)
{
    const struct redis_url_node *owner = NULL;
    struct slice key;

    if (cluster_key(words, count, &key))
        owner = cluster_map_owner(&cluster->map, cluster_slot(key));
    return owner == NULL ? cluster->turned_to : (unsigned)(owner - cluster->map.nodes);
}

size_t cluster_nodes(const struct cluster *cluster)
{
    return cluster->map.count == 0 ? 1 : cluster->map.count;
}

void cluster_describe_node(const struct cluster *cluster, size_t node, char *place, size_t size)
{
    if (node < cluster->map.count)
        redis_url_describe_node(&cluster->map.nodes[node], place, size);
    else
        place[0] = '\0';
}

void cluster_turn_to(struct cluster *cluster, size_t node)
{
    if (node < cluster->map.count)
        cluster->turned_to = (unsigned)node;
}

static struct redis_link *open_at(struct cluster *cluster, unsigned place, struct error *error)
{
    int64_t connect_by_us = clock_deadline_us(cluster->settings->clock, cluster->settings->connect_timeout_ms);
    struct redis_link *link = cluster_links_at(cluster, place, error);

    if (link == NULL || !cluster_links_open(cluster, link, &cluster->map.nodes[place], connect_by_us, error))
        return NULL;
    return link;
}

/* What is said to a node that is away is kept, too: its error comes in its turn. */
static bool append_in_vain(struct cluster *cluster, const struct slice *words, size_t count, unsigned place,
                           struct error *error)
{
    if (!cluster_kept_add(&cluster->kept, words, count, place, error))
        return false;
    cluster_kept_lose_last(&cluster->kept);
    return true;
}

bool cluster_append(struct cluster *cluster, const struct slice *words, size_t count, struct error *error)
{
    struct error why;

    cluster_learn_again(cluster);
    unsigned place = place_of(cluster, words, count);
    if (cluster_away_rests(cluster, place))
        return append_in_vain(cluster, words, count, place, error);
    struct redis_link *link = open_at(cluster, place, &why);
    if (link == NULL && cluster_away_note(cluster, place, &why))
        return append_in_vain(cluster, words, count, place, error);
    if (link == NULL) {
        *error = why;
        return fail(cluster);
    }
    if (!cluster_kept_add(&cluster->kept, words, count, place, error))
        return false;
    const struct cluster_kept_command *added = cluster_kept_last(&cluster->kept);
    return redis_link_append_bytes(link, cluster_kept_bytes(&cluster->kept, added), error) || fail(cluster);
}

bool cluster_send(struct cluster *cluster, struct error *error)
{
    for (unsigned i = 0; i < cluster->map.count; i++) {
        struct redis_link *link = atomic_load(&cluster->links[i].to);
        struct error why;

        if (link == NULL || link->output.size == 0)
            continue;
        cluster->asked = cluster->map.nodes[i];
        if (redis_link_send(link, &why) || cluster_away_note(cluster, i, &why))
            continue;
        *error = why;
        return fail(cluster);
    }
    return true;
}

/* ---- redirections ------------------------------------------------------------------------------------------------ */

static bool lead_aside(struct cluster *cluster, struct redis_link *detour, const struct redis_url_node *node,
                       struct error *error)
{
    int64_t connect_by_us = clock_deadline_us(cluster->settings->clock, cluster->settings->connect_timeout_ms);

    if (!redis_url_same_node(&cluster->aside, node))
        redis_link_close(detour);
    cluster->aside = *node;
    return cluster_links_open(cluster, detour, node, connect_by_us, error);
}

static bool say_asking(struct redis_link *detour, struct error *error)
{
    const struct slice asking = slice_from_text("ASKING");

    return redis_link_append(detour, &asking, 1, error);
}

static bool hear_asking(struct redis_link *detour, struct error *error)
{
    uint8_t memory[512];
    struct arena arena;
    struct reply ignored;

    arena_init_with(&arena, memory, sizeof memory, 0);
    bool good = redis_link_receive(detour, &arena, 0, &ignored, error);
    arena_close(&arena);
    return good;
}

/* Say the command at the front again, where we were sent. */
static bool follow(struct cluster *cluster, const struct cluster_redirect *redirect, struct error *error)
{
    const struct cluster_kept_command *front = cluster_kept_front(&cluster->kept);
    struct redis_link *detour = cluster_links_make(cluster, &cluster->detour, error);
    bool asks = redirect->kind == CLUSTER_ASK;

    cluster->redirects++;
    if (!asks && !cluster_map_move(&cluster->map, redirect->slot, &redirect->node))
        cluster_doubt(cluster);
    return detour != NULL && lead_aside(cluster, detour, &redirect->node, error) &&
           (!asks || say_asking(detour, error)) &&
           redis_link_append_bytes(detour, cluster_kept_bytes(&cluster->kept, front), error) &&
           redis_link_send(detour, error) && (!asks || hear_asking(detour, error));
}

/* ---- hearing ----------------------------------------------------------------------------------------------------- */

/* There will be no answer but the error that is told in its stead. */
static bool is_front_lost(const struct cluster *cluster)
{
    const struct cluster_kept_command *front = cluster_kept_front(&cluster->kept);

    return front != NULL && front->is_lost;
}

/* Over which the next answer comes; NULL: none is owed. */
static struct redis_link *link_of_front(const struct cluster *cluster, const struct redis_url_node **node)
{
    const struct cluster_kept_command *front = cluster_kept_front(&cluster->kept);

    if (front == NULL || front->is_lost)
        return NULL;
    *node = cluster->redirects > 0 ? &cluster->aside : &cluster->map.nodes[front->link];
    return atomic_load(cluster->redirects > 0 ? &cluster->detour.to : &cluster->links[front->link].to);
}

static void answered(struct cluster *cluster)
{
    const struct cluster_kept_command *front = cluster_kept_front(&cluster->kept);

    if (!front->is_lost && cluster->redirects == 0)
        cluster_away_heard(cluster, front->link);
    cluster_kept_answered(&cluster->kept);
    cluster->redirects = 0;
}

static bool tell_loss(struct cluster *cluster, struct error *error)
{
    unsigned place = cluster_kept_front(&cluster->kept)->link;

    cluster->asked = cluster->map.nodes[place];
    answered(cluster);
    return cluster_away_tell(cluster, place, error);
}

/* The link over which the answer was to come has failed, or that to where it was sent. */
static bool gave_up(struct cluster *cluster, const struct error *why)
{
    unsigned place = cluster_kept_front(&cluster->kept)->link;
    bool aside = cluster->redirects > 0;

    if (!(aside ? cluster_away_alone(cluster, why) : cluster_away_note(cluster, place, why)))
        return fail(cluster);
    if (aside) {
        redis_link_close(atomic_load(&cluster->detour.to));
        cluster_doubt(cluster);
    }
    answered(cluster);
    return false;
}

/* What came is no answer that is wanted. True: it is asked for elsewhere. */
static bool went_on(struct cluster *cluster, const struct redis_link *link, struct error *error)
{
    struct redis_url_node teller = cluster->asked;
    struct cluster_redirect redirect;

    if (!redis_link_is_open(link))
        return gave_up(cluster, error);
    if (cluster->redirects < CLUSTER_REDIRECTS_MAX &&
        cluster_redirect_read(redis_link_refusal(link), &teller, &redirect))
        return follow(cluster, &redirect, error) || gave_up(cluster, error);
    answered(cluster);
    return false;
}

bool cluster_receive(struct cluster *cluster, struct arena *arena, int extra_wait_ms, struct reply *reply,
                     struct error *error)
{
    if (is_front_lost(cluster))
        return tell_loss(cluster, error);
    for (;;) {
        const struct redis_url_node *node;
        struct redis_link *link = link_of_front(cluster, &node);
        struct error why;

        assert(link != NULL);
        cluster->asked = *node;
        if (redis_link_receive(link, arena, extra_wait_ms, reply, &why)) {
            answered(cluster);
            return true;
        }
        if (!went_on(cluster, link, &why)) {
            *error = why;
            return false;
        }
    }
}

bool cluster_receive_part(struct cluster *cluster, const struct redis_visitor *visitor, size_t part_bytes,
                          int extra_wait_ms, bool *complete, struct error *error)
{
    const struct redis_url_node *node;
    struct redis_link *link = link_of_front(cluster, &node);
    struct error why;

    if (is_front_lost(cluster))
        return tell_loss(cluster, error);
    assert(link != NULL);
    cluster->asked = *node;
    if (redis_link_receive_part(link, visitor, part_bytes, extra_wait_ms, complete, &why)) {
        if (*complete)
            answered(cluster);
        return true;
    }
    if (!went_on(cluster, link, &why)) {
        *error = why;
        return false;
    }
    *complete = false;
    return true;
}

bool cluster_has_input(const struct cluster *cluster)
{
    const struct redis_url_node *node;
    struct redis_link *link = link_of_front(cluster, &node);

    return is_front_lost(cluster) || (link != NULL && redis_link_has_input(link));
}

bool cluster_has_buffered(const struct cluster *cluster)
{
    const struct redis_url_node *node;
    struct redis_link *link = link_of_front(cluster, &node);

    return is_front_lost(cluster) || (link != NULL && redis_link_has_buffered(link));
}

int cluster_descriptor(const struct cluster *cluster)
{
    const struct redis_url_node *node;
    struct redis_link *link = link_of_front(cluster, &node);

    return link == NULL ? -1 : redis_link_descriptor(link);
}

const struct redis_url_node *cluster_asked(const struct cluster *cluster)
{
    return cluster->asked.host[0] == '\0' ? NULL : &cluster->asked;
}
