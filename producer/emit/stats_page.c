#include "producer/emit/stats_page.h"

#include "producer/emit/metric.h"
#include "proto/exposition.h"
#include "proto/slice.h"

#include <stdlib.h>

/* ---- what is told ------------------------------------------------------------------------------------------------ */

#define OF(member) offsetof(struct stats, member)

/* Numbers that the Python package tells too have the same names there (taskledger/prometheus.py). */
static const struct metric of_producer[] = {
    {"taskledger_producer_accepted_total", METRIC_COUNTER, OF(counters.accepted), NULL,
     "Events that have a number, the producer's own included."},
    {"taskledger_producer_sent_total", METRIC_COUNTER, OF(counters.sent), NULL, "Of these, answered by Redis."},
    {"taskledger_producer_sent_bytes_total", METRIC_COUNTER, OF(counters.sent_bytes), NULL, "Their payload bytes."},
    {"taskledger_producer_queued", METRIC_GAUGE, OF(counters.queued), NULL, "Events that are still in memory."},
    {"taskledger_producer_queued_bytes", METRIC_GAUGE, OF(counters.queued_bytes), NULL, "Memory that they take."},
    {"taskledger_producer_retried_total", METRIC_COUNTER, OF(counters.retried), NULL, "Sends that were repeated."},
    {"taskledger_producer_timed_out_total", METRIC_COUNTER, OF(counters.timed_out), NULL,
     "Attempts to send that met a deadline."},
    {"taskledger_producer_refused_total", METRIC_COUNTER, OF(counters.refused), NULL,
     "Attempts to send that Redis or the network refused."},
    {"taskledger_producer_connects_total", METRIC_COUNTER, OF(counters.connects), NULL,
     "Connections that became usable."},
    {"taskledger_producer_dropped_total", METRIC_COUNTER, OF(counters.dropped_full), "reason=\"full\"",
     "Emits for which neither memory nor spool had room, or the process no memory: lost, counted and declared."},
    {"taskledger_producer_dropped_total", METRIC_COUNTER, OF(counters.dropped_memory), "reason=\"memory\"", NULL},
    {"taskledger_producer_rejected_total", METRIC_COUNTER, OF(counters.rejected_invalid), "reason=\"invalid\"",
     "Emits that broke a limit, or were too large even without their data."},
    {"taskledger_producer_rejected_total", METRIC_COUNTER, OF(counters.rejected_too_big), "reason=\"too_big\"", NULL},
    {"taskledger_producer_cut_total", METRIC_COUNTER, OF(counters.cut), NULL, "Events whose data was cut."},
    {"taskledger_producer_spooled", METRIC_GAUGE, OF(counters.spooled), NULL,
     "Events that are in the spool and not yet with Redis."},
    {"taskledger_producer_spool_bytes", METRIC_GAUGE, OF(counters.spool_bytes), NULL, "What the spool takes on disk."},
    {"taskledger_producer_spool_limit_bytes", METRIC_GAUGE, OF(counters.spool_bytes_max), NULL,
     "What it may take; 0 while there is none."},
    {"taskledger_producer_spool_written_total", METRIC_COUNTER, OF(counters.spool_written), NULL,
     "Events written to the spool."},
    {"taskledger_producer_unspooled_total", METRIC_COUNTER, OF(counters.unspooled), NULL,
     "Spool always: events whose emit returned before they were in the spool, since the disk refused."},
    {"taskledger_producer_unprotected_total", METRIC_COUNTER, OF(counters.unprotected), NULL,
     "Events that the spool gave up at its limit: Redis has them, the ledger perhaps not yet."},
    {"taskledger_producer_confirmed_total", METRIC_COUNTER, OF(counters.confirmed), NULL,
     "Spool always: events that the ledger is known to hold."},
    {"taskledger_producer_resent_total", METRIC_COUNTER, OF(counters.resent), NULL,
     "Spool always: events sent again, since Redis had lost them."},
    {"taskledger_producer_adopted_total", METRIC_COUNTER, OF(counters.adopted), NULL,
     "Events of producers that are gone, sent from their spools."},
    {"taskledger_producer_adopted_spools_total", METRIC_COUNTER, OF(counters.adopted_spools), NULL,
     "Of these, spools that are done with."},
    {"taskledger_producer_spool_lost_total", METRIC_COUNTER, OF(counters.spool_lost), NULL,
     "Accepted events that were lost in the spool: it is damaged, or somebody removed it."},
    {"taskledger_producer_adopted_damaged_total", METRIC_COUNTER, OF(counters.adopted_damaged), NULL,
     "Segments of producers that are gone which were damaged or removed: part of what was in them is lost."},
    {"taskledger_producer_oldest_unsent_timestamp_seconds", METRIC_TIME, OF(oldest_unsent_at_us), NULL,
     "When the oldest event that Redis does not have is said to have happened, in Unix time; not told when it has "
     "all."},
    {"taskledger_producer_told_timestamp_seconds", METRIC_TIME, OF(written_at_us), NULL,
     "When the producer told these numbers, in Unix time."},
};

#undef OF
#define OF(member) offsetof(struct stats_page_folder, member)

static const struct metric of_folder[] = {
    {"taskledger_spool_producers", METRIC_GAUGE, OF(alive), "state=\"alive\"",
     "Producers that have something in the folder. Of the first 1,000 that are alive the counters are told."},
    {"taskledger_spool_producers", METRIC_GAUGE, OF(gone), "state=\"gone\"", NULL},
    {"taskledger_spool_bytes", METRIC_GAUGE, OF(bytes), NULL, "What all of it takes on disk."},
    {"taskledger_spool_damaged_segments", METRIC_GAUGE, OF(damaged), NULL,
     "Segments that were set aside, since they are damaged."},
    {"taskledger_spool_left_behind", METRIC_GAUGE, OF(left_behind), NULL,
     "Events in the spools of producers that are gone: the next one with the same Redis sends them, or sweep."},
    {"taskledger_spool_oldest_unsent_timestamp_seconds", METRIC_TIME, OF(oldest_at_us), NULL,
     "When the oldest event that Redis does not have, or that is left behind, is said to have happened, in Unix time."},
    {"taskledger_spool_seen_timestamp_seconds", METRIC_TIME, OF(seen_at_us), NULL,
     "When the folder was looked at, in Unix time: if that stands still nobody looks."},
};

#undef OF

enum {
    OF_PRODUCER = sizeof of_producer / sizeof *of_producer,
    OF_FOLDER = sizeof of_folder / sizeof *of_folder,
};

/* ---- gathering --------------------------------------------------------------------------------------------------- */

void stats_page_close(struct stats_page *page)
{
    free(page->producers);
    *page = (struct stats_page){.producers = NULL};
}

/* All of it at once: what is not written to takes no memory. */
static bool make_room(struct stats_page *page)
{
    if (page->producers == NULL)
        page->producers = calloc(STATS_PAGE_PRODUCERS_MAX, sizeof *page->producers);
    return page->producers != NULL;
}

static void note_oldest(struct stats_page_folder *folder, uint64_t at_us)
{
    if (at_us != 0 && (folder->oldest_at_us == 0 || at_us < folder->oldest_at_us))
        folder->oldest_at_us = at_us;
}

static void add_to_folder(struct stats_page_folder *folder, const struct glance *glance,
                          const struct glance_events *left)
{
    folder->alive += glance->is_held;
    folder->gone += !glance->is_held;
    folder->bytes += glance->bytes;
    folder->damaged += glance->damaged;
    folder->left_behind += left->count;
    note_oldest(folder, glance->is_held ? glance->stats.oldest_unsent_at_us : left->oldest_at_us);
}

bool stats_page_add(struct stats_page *page, const char *name, const struct glance *glance,
                    const struct glance_events *left)
{
    add_to_folder(&page->folder, glance, left);
    if (!glance->is_held || !glance->has_stats || page->count == STATS_PAGE_PRODUCERS_MAX)
        return true;
    if (!make_room(page))
        return false;

    struct stats_page_producer *producer = &page->producers[page->count++];
    snprintf(producer->name, sizeof producer->name, "%s", name);
    producer->stats = glance->stats;
    return true;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static void print_of_producer(const struct metric *metric, const struct stats_page_producer *producer, FILE *out)
{
    if (!metric_is_known(metric, &producer->stats))
        return;
    fprintf(out, "%s{producer=\"", metric->name);
    exposition_label(slice_from_text(producer->name), out);
    fprintf(out, "\",worker=\"");
    exposition_label(slice_from_text(producer->stats.worker), out);
    fputc('"', out);
    metric_end_sample(metric, &producer->stats, out);
}

static void print_of_folder(const struct metric *metric, const struct stats_page_folder *folder, const char *directory,
                            FILE *out)
{
    if (!metric_is_known(metric, folder))
        return;
    fprintf(out, "%s{spool_dir=\"", metric->name);
    exposition_label(slice_from_text(directory), out);
    fputc('"', out);
    metric_end_sample(metric, folder, out);
}

void stats_page_print(const struct stats_page *page, const char *directory, FILE *out)
{
    for (size_t i = 0; i < OF_PRODUCER; i++) {
        metric_describe(&of_producer[i], out);
        for (size_t j = 0; j < page->count; j++)
            print_of_producer(&of_producer[i], &page->producers[j], out);
    }
    for (size_t i = 0; i < OF_FOLDER; i++) {
        metric_describe(&of_folder[i], out);
        print_of_folder(&of_folder[i], &page->folder, directory, out);
    }
}

void stats_page_print_markdown(FILE *out)
{
    metric_print_markdown(of_producer, OF_PRODUCER, "`producer`, `worker`", out);
    metric_print_markdown(of_folder, OF_FOLDER, "`spool_dir`", out);
}
