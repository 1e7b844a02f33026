#include "proto/cluster_inside.h"
#include "proto/redis_error.h"

#include <stdlib.h>
#include <string.h>

enum {
    SHARE_MIN_MS = 100,
    AGAIN_MS = 1000, /* a map that is doubted is asked for no more often */
};

/* What is told is read here first: what is known is not given up for less. */
struct learning {
    struct cluster_map told;
    struct cluster_map best; /* of those that do not know all slots */
    size_t best_slots;
};

/* ---- whom to ask ------------------------------------------------------------------------------------------------- */

static int64_t share_us(const struct cluster *cluster, int64_t until_us)
{
    const struct clock *clock = cluster->settings->clock;
    int64_t half_ms = clock_left_ms(clock, until_us) / 2;
    int64_t limit_us = clock_deadline_us(clock, half_ms < SHARE_MIN_MS ? SHARE_MIN_MS : half_ms);

    return limit_us < until_us ? limit_us : until_us;
}

static size_t count_candidates(const struct cluster *cluster)
{
    return cluster->map.count + cluster->settings->url.seed_count;
}

/* The masters that are known, then the seeds. */
static const struct redis_url_node *candidate_at(const struct cluster *cluster, size_t place)
{
    size_t known = cluster->map.count;

    return place < known ? &cluster->map.nodes[place] : &cluster->settings->url.seeds[place - known];
}

/* A seed that is a known master, too, is one node and has one voice. */
static bool is_repeated(const struct cluster *cluster, size_t place)
{
    for (size_t i = 0; i < place; i++)
        if (redis_url_same_node(candidate_at(cluster, i), candidate_at(cluster, place)))
            return true;
    return false;
}

/* He gave reason to doubt what he knows, or cannot be reached. */
static bool goes_last(const struct cluster *cluster, size_t place)
{
    return redis_url_same_node(candidate_at(cluster, place), &cluster->doubtful) ||
           (place < cluster->map.count && cluster->away[place].failures > 0);
}

/* The n-th to be asked; NULL: nobody. */
static const struct redis_url_node *whom_to_ask(const struct cluster *cluster, size_t n)
{
    size_t count = count_candidates(cluster);

    if (count == 0)
        return NULL; /* never: a cluster has a seed */
    size_t place = (cluster->candidate + n) % count;
    bool is_his_turn = goes_last(cluster, place) == (n >= count);

    return is_his_turn && !is_repeated(cluster, place) ? candidate_at(cluster, place) : NULL;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* Over the detour, on which nothing else is. */
static bool ask(struct cluster *cluster, struct redis_link *link, const struct redis_url_node *node,
                struct cluster_map *told, struct error *error)
{
    const struct slice words[] = {slice_from_text("CLUSTER"), slice_from_text("SLOTS")};
    struct arena arena;
    struct reply reply;

    arena_init(&arena, 0);
    bool good = cluster_links_open(cluster, link, node, INT64_MAX, error) &&
                redis_link_call(link, REDIS_WORDS(words), &arena, &reply, error) &&
                cluster_map_read(told, &reply, node, error);
    arena_close(&arena);
    return good || error_wrap(error, "could not learn who serves which slot");
}

/* What may pass weighs more than what will not: tomorrow that one may know. */
static void note_refusal(struct error *worst, const struct error *why)
{
    if (worst->kind == ERROR_NONE || (worst->kind == ERROR_FATAL && why->kind == ERROR_TRANSIENT))
        *worst = *why;
}

/* A node that was reset, or has not heard of the others yet, answers as readily as one that knows. So what leaves slots
 * without an owner is believed only when a second one knows no more, or nobody is left to be asked. */
static bool is_enough(struct learning *learning)
{
    size_t slots = cluster_map_slots(&learning->told);
    bool agrees = slots > 0 && learning->best_slots > 0 && slots <= learning->best_slots;

    if (slots > learning->best_slots) {
        learning->best = learning->told;
        learning->best_slots = slots;
    }
    return slots == CLUSTER_SLOTS || agrees;
}

static bool ask_all(struct cluster *cluster, struct redis_link *link, struct learning *learning, int64_t until_us,
                    struct error *error)
{
    size_t turns = 2 * count_candidates(cluster);
    struct error worst = {.kind = ERROR_NONE};

    for (size_t n = 0; n < turns; n++) {
        const struct redis_url_node *node = whom_to_ask(cluster, n);
        struct error why;

        if (node == NULL)
            continue;
        redis_link_close(link);
        redis_link_limit(link, share_us(cluster, until_us));
        cluster->aside = *node;
        if (ask(cluster, link, node, &learning->told, &why)) {
            if (is_enough(learning))
                return true;
            continue;
        }
        redis_link_close(link);
        note_refusal(&worst, &why);
        if (redis_error_is(&why, "canceled") || redis_error_is(&why, "config"))
            break;
    }
    if (learning->best_slots > 0 && !redis_error_is(&worst, "canceled"))
        return true;
    if (worst.kind == ERROR_NONE)
        error_set(&worst, ERROR_TRANSIENT, "clusterdown", "could not find a node that knows who serves any slot");
    *error = worst;
    return false;
}

/* What was told and is to be believed; NULL: nothing. Freed by the caller. */
static struct learning *learn(struct cluster *cluster, struct redis_link *link, int64_t until_us, struct error *error)
{
    struct learning *learning = calloc(1, sizeof *learning);

    if (learning == NULL) {
        error_set(error, ERROR_TRANSIENT, "memory", "could not connect: out of memory");
        return NULL;
    }
    if (ask_all(cluster, link, learning, until_us, error)) {
        if (redis_link_is_open(link))
            redis_link_limit(link, INT64_MAX);
        return learning;
    }
    redis_link_close(link);
    free(learning);
    return NULL;
}

/* ---- what is known ----------------------------------------------------------------------------------------------- */

bool cluster_learn(struct cluster *cluster, struct redis_link *link, int64_t connect_by_us, struct error *error)
{
    struct learning *learning = learn(cluster, link, connect_by_us, error);

    cluster->candidate = learning != NULL ? 0 : cluster->candidate + 1;
    if (learning == NULL)
        return false;
    cluster->map = learning->best;
    cluster->is_doubted = false;
    free(learning);
    return true;
}

/* Places of nodes that are gone are not given to others, since links and answers hang on them. When there is no place left
 * all begins anew, as soon as nothing is on its way. */
static bool renew(struct cluster *cluster, const struct cluster_map *told)
{
    if (cluster_map_renew(&cluster->map, told))
        return true;
    if (cluster_kept_count(&cluster->kept) > 0)
        return false;
    cluster_links_close(cluster);
    memset(cluster->away, 0, sizeof cluster->away);
    cluster->turned_to = 0;
    cluster->candidate = 0;
    cluster->map = *told;
    return true;
}

void cluster_learn_again(struct cluster *cluster)
{
    const struct clock *clock = cluster->settings->clock;
    struct redis_url_node asked = cluster->asked;
    struct redis_link *link;
    struct error ignored;

    if (!cluster->is_doubted || cluster->redirects > 0 || clock_left_ms(clock, cluster->not_before_us) > 0)
        return;
    link = cluster_links_make(cluster, &cluster->detour, &ignored);
    if (link == NULL)
        return;
    cluster->candidate++; /* who told wrong last time may tell it again */
    struct learning *learning =
        learn(cluster, link, clock_deadline_us(clock, cluster->settings->connect_timeout_ms), &ignored);
    cluster->is_doubted = learning == NULL || !renew(cluster, &learning->best);
    cluster->not_before_us = clock_deadline_us(clock, AGAIN_MS);
    cluster->asked = asked;
    free(learning);
}

void cluster_doubt(struct cluster *cluster)
{
    cluster->is_doubted = true;
    cluster->doubtful = cluster->asked;
}
