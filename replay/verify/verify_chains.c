#include "replay/verify/verify.h"

#include "proto/digester.h"
#include "replay/pages.h"
#include "replay/verify/chain.h"
#include "replay/verify/held.h"
#include "replay/verify/verify_adoption.h"
#include "replay/verify/verify_chain_text.h"
#include "replay/verify/verify_event.h"
#include "replay/verify/verify_hole_text.h"
#include "replay/verify/verify_seal.h"

/* Three scans in the order of (producer_id, sequence) side by side: the events stream in; what was set aside, and the
 * ledger's books about producers, are paged along with them. */
static const struct postgres_statement events_statement = {
    "replay_events", "SELECT " VERIFY_EVENT_COLUMNS " FROM taskledger.task_event ORDER BY producer_id, sequence"};

static const struct postgres_statement books_statement = {
    "replay_books", "SELECT producer_id, greatest(last_sequence, archived_sequence, upper(held) - 1, known_sequence),"
                    " closed_at, pruned_at IS NOT NULL FROM taskledger.producer"
                    " WHERE producer_id > $1::uuid ORDER BY producer_id LIMIT 1000"};

struct chains {
    struct verify *verify;
    struct held held;
    struct pages books;
    struct chain chain;
    bool is_open;         /* a chain is begun */
    bool has_event;       /* and has at least one event */
    int64_t closed_at_us; /* when its end was told; 0: it was not */
    struct digester *digester;
    struct arena arena;
};

/* ---- what a chain tells ----------------------------------------------------------------------------------------- */

static void keep_hole(struct chains *chains, const struct chain_finding *told)
{
    struct verify_hole hole = {
        .producer_id = told->producer_id,
        .first = told->first,
        .last = told->last,
        .link = told->link,
        .is_tail = told->kind == CHAIN_TAIL,
        .noticed_at_us = told->noticed_at_us,
    };

    /* An end that was told may overtake what came before it. A clock that is ahead is no reason to wait for it. */
    if (hole.is_tail && chains->closed_at_us > hole.noticed_at_us &&
        chains->closed_at_us <= chains->verify->ledger.now_us)
        hole.noticed_at_us = chains->closed_at_us;

    if (!verify_holes_add(&chains->verify->holes, &hole))
        verify_hole_text_add(&chains->verify->report, &hole, hole.is_tail ? VERDICT_TAIL : VERDICT_HOLE);
}

static void tell(void *self, const struct chain_finding *told)
{
    struct chains *chains = self;

    if (told->kind == CHAIN_HOLE || told->kind == CHAIN_TAIL)
        keep_hole(chains, told);
    else
        verify_chain_text_add(&chains->verify->report, told);
}

/* ---- from producer to producer ---------------------------------------------------------------------------------- */

static struct slice cell(const struct pages *pages, size_t column)
{
    struct slice value = {.data = NULL};

    pages_value(pages, column, &value);
    return value;
}

static uint64_t cell_number(const struct pages *pages, size_t column)
{
    struct slice value = cell(pages, column);

    return value.data == NULL ? 0 : (uint64_t)postgres_read_int64(value);
}

/* How the page's producer compares with this one; after all when there is no page left. */
static int compare_page(const struct pages *pages, const struct uuid *producer_id)
{
    if (pages->ended)
        return 1;
    struct uuid paged = postgres_read_uuid(cell(pages, 0));
    return uuid_compare(&paged, producer_id);
}

struct book {
    uint64_t told_last;
    bool is_closed;
    int64_t closed_at_us;
    bool is_pruned;
};

/* The book of this producer, if there is one; the page is then behind it. */
static bool take_book(struct chains *chains, const struct uuid *producer_id, struct book *book, struct error *error)
{
    struct pages *books = &chains->books;

    *book = (struct book){.told_last = 0};
    if (compare_page(books, producer_id) != 0)
        return true;
    book->told_last = cell_number(books, 1);
    book->closed_at_us = cell(books, 2).data == NULL ? 0 : postgres_read_time_us(cell(books, 2));
    book->is_closed = cell(books, 2).data != NULL;
    book->is_pruned = postgres_read_boolean(cell(books, 3));
    return pages_next(books, error);
}

static bool close_chain(struct chains *chains, struct error *error)
{
    struct book book;

    if (!chains->is_open)
        return true;
    if (!take_book(chains, &chains->chain.producer_id, &book, error))
        return false;
    /* Of a pruned producer nothing is left; of one that only says so, all is asked for. */
    bool is_gone = book.is_pruned && chains->chain.last_sequence == 0;
    chains->closed_at_us = book.closed_at_us;
    chain_end(&chains->chain, is_gone ? 0 : book.told_last, is_gone || book.is_closed);
    chains->verify->totals.producers++;
    chains->is_open = false;
    return true;
}

static void open_chain(struct chains *chains, const struct uuid *producer_id)
{
    chain_begin(&chains->chain, producer_id);
    chains->is_open = true;
}

static bool is_current(const struct chains *chains, const struct uuid *producer_id)
{
    return chains->is_open && uuid_compare(&chains->chain.producer_id, producer_id) == 0;
}

/* Producers that have a book and nothing else, up to this one. NULL: all that are left. */
static bool pass_silent(struct chains *chains, const struct uuid *producer_id, struct error *error)
{
    while (!chains->books.ended && (producer_id == NULL || compare_page(&chains->books, producer_id) < 0)) {
        struct uuid silent = postgres_read_uuid(cell(&chains->books, 0));

        open_chain(chains, &silent);
        if (!close_chain(chains, error))
            return false;
    }
    return true;
}

static bool go_to(struct chains *chains, const struct uuid *producer_id, struct error *error)
{
    if (is_current(chains, producer_id))
        return true;
    if (!close_chain(chains, error) || !pass_silent(chains, producer_id, error))
        return false;
    open_chain(chains, producer_id);
    return true;
}

/* What was set aside before this number of this producer. NULL: all that is left. */
static bool pass_held(struct chains *chains, const struct uuid *producer_id, uint64_t sequence, struct error *error)
{
    struct held *held = &chains->held;

    while (held_is_before(held, producer_id, sequence)) {
        if (!go_to(chains, &held->producer_id, error))
            return false;
        chain_held(&chains->chain, held->sequence, held->has_digest ? &held->digest : NULL, held->rejected_at_us);
        if (!held_next(held, error))
            return false;
    }
    return true;
}

/* ---- event by event --------------------------------------------------------------------------------------------- */

static void follow(struct chains *chains, const struct verify_event *event)
{
    struct digest digest = digester_hash(chains->digester, event->payload);

    if (event->is_readable)
        chain_event(&chains->chain, &event->event, &digest, event->recorded_at_us);
    else
        chain_held(&chains->chain, event->sequence, &digest, event->recorded_at_us);
}

static bool visit(void *self, const struct postgres_row *row, struct error *error)
{
    struct chains *chains = self;
    struct verify *verify = chains->verify;
    struct verify_event event;

    verify_event_read(row, &event);
    if (!pass_held(chains, &event.producer_id, event.sequence, error) || !go_to(chains, &event.producer_id, error) ||
        !verify_event_check(row, &chains->arena, &verify->report, &event, error))
        return false;
    if (event.is_readable && event.event.body == EVENT_PRODUCER_ADOPTED &&
        !verify_adoption_check(&event.event, verify->ledger.side, &verify->report, error))
        return false;
    follow(chains, &event);

    verify->totals.events++;
    if (verify->totals.events % 1024 == 0)
        console_progress_tell(&verify->progress, "events", verify->totals.events, verify->expected_events);
    return true;
}

/* ---- the check -------------------------------------------------------------------------------------------------- */

static bool scan(struct chains *chains, struct error *error)
{
    return held_open(&chains->held, chains->verify->ledger.side, error) && pages_next(&chains->books, error) &&
           postgres_stream(chains->verify->ledger.main, &events_statement, NULL, 0, visit, chains, error) &&
           pass_held(chains, NULL, 0, error) && close_chain(chains, error) && pass_silent(chains, NULL, error);
}

bool verify_chains(struct verify *verify, struct error *error)
{
    struct chains chains = {
        .verify = verify,
        .books = {.postgres = verify->ledger.side,
                  .statement = &books_statement,
                  .key_count = 1,
                  .keys = {{.size = UUID_BYTES}}}, /* the least there can be */
        .chain = {.tell = tell, .listener = verify_seal_listener(verify->seal)},
        .digester = digester_new(),
    };

    chains.chain.self = &chains;
    bool good = chains.digester != NULL ? scan(&chains, error)
                                        : error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    held_close(&chains.held);
    pages_close(&chains.books);
    digester_free(chains.digester);
    arena_close(&chains.arena);
    return good;
}
