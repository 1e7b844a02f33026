/* The clerk: what PostgreSQL knows, while somebody wants to know it. */
#include "replay/web/stats/stats_inside.h"

enum { SHARE = 4 /* times as long as counting took is rested */, US_PER_MS = 1000 };

static bool sit_down(struct stats *stats, struct error *error)
{
    return stats->ledger.main != NULL ? postgres_open(stats->ledger.main, error)
                                      : ledger_open_as(&stats->ledger, &stats->options.postgres, error);
}

/* ---- the books --------------------------------------------------------------------------------------------------- */

/* Of a server that does not answer nothing else is known either, and it is not asked for. */
static void look_at_books(struct stats *stats)
{
    struct error error;
    bool good =
        sit_down(stats, &error) && stats_ledger_books(stats->ledger.main, stats->options.group, &stats->books, &error);

    pthread_mutex_lock(&stats->lock);
    stats->now.has_books = good;
    stats->now.books_reason = good ? NULL : error.reason;
    stats_looked(stats, &stats->for_books, STATS_BOOKS_MS);
    if (good) {
        stats->now.books = stats->books;
    } else {
        stats->now.has_tasks = false;
        stats->round_began_us = 0;
        stats_looked(stats, &stats->for_tasks, STATS_BOOKS_MS);
    }
    pthread_mutex_unlock(&stats->lock);
}

/* ---- the tasks --------------------------------------------------------------------------------------------------- */

static void end_round(struct stats *stats, bool good)
{
    int64_t rest_ms = (stats_clock_us(stats) - stats->round_began_us) / US_PER_MS * SHARE;

    stats->round_began_us = 0;
    pthread_mutex_lock(&stats->lock);
    stats->now.has_tasks = good;
    if (good)
        stats->now.tasks = stats->round.tasks;
    stats_looked(stats, &stats->for_tasks, rest_ms > STATS_COUNT_MS ? rest_ms : STATS_COUNT_MS);
    pthread_mutex_unlock(&stats->lock);
}

static void count_on(struct stats *stats)
{
    bool is_whole = false;
    struct error error;

    if (stats->round_began_us == 0) {
        stats->round_began_us = stats_clock_us(stats);
        stats->round = (struct stats_round){.table = 0};
    }
    bool good = sit_down(stats, &error) && stats_ledger_count(&stats->round, stats->ledger.main, &is_whole, &error);
    if (!good || is_whole)
        end_round(stats, good);
}

/* ---- the turns --------------------------------------------------------------------------------------------------- */

void *stats_clerk(void *self)
{
    struct stats *stats = self;

    while (stats_rest(stats, &stats->for_books, &stats->for_tasks)) {
        if (stats_is_due(stats, &stats->for_books))
            look_at_books(stats);
        if (stats_is_due(stats, &stats->for_tasks))
            count_on(stats);
    }
    stats_thread_ends(stats);
    return NULL;
}
