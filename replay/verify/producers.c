#include "replay/verify/producers.h"

#include "replay/cell.h"

static const struct postgres_statement books_statement = {
    "replay_books",
    "SELECT producer_id, greatest(last_sequence, archived_sequence, upper(held) - 1, known_sequence),"
    " last_sequence, closed_at, pruned_at IS NOT NULL FROM taskledger.producer"
    " WHERE producer_id > $1::uuid AND CASE " PART_OF_PRODUCER " % $3::int8 WHEN $2::int8 - 1 THEN true END"
    " ORDER BY producer_id LIMIT 1000"};

/* How the page's producer compares with this one; after all when there is no page left. */
static int compare_page(const struct pages *pages, const struct uuid *producer_id)
{
    if (pages->ended)
        return 1;
    struct uuid paged = postgres_read_uuid(pages_cell(pages, 0));
    return uuid_compare(&paged, producer_id);
}

/* The book of this producer, if there is one; the page is then behind it. */
static bool take_book(struct producers *producers, const struct uuid *producer_id, struct error *error)
{
    struct pages *books = &producers->books;

    producers->book = (struct producers_book){.told_last = 0};
    if (compare_page(books, producer_id) != 0)
        return true;
    producers->book = (struct producers_book){
        .told_last = cell_unsigned(pages_cell(books, 1)),
        .end = cell_unsigned(pages_cell(books, 2)),
        .is_closed = pages_cell(books, 3).data != NULL,
        .closed_at_us = pages_cell(books, 3).data == NULL ? 0 : postgres_read_time_us(pages_cell(books, 3)),
        .is_pruned = postgres_read_boolean(pages_cell(books, 4)),
    };
    return pages_next(books, error);
}

static bool open_chain(struct producers *producers, const struct uuid *producer_id, struct error *error)
{
    struct uuid opened = *producer_id;

    if (!take_book(producers, &opened, error))
        return false;
    chain_begin(&producers->chain, &opened);
    producers->is_open = true;
    return true;
}

static void close_chain(struct producers *producers)
{
    const struct producers_book *book = &producers->book;

    if (!producers->is_open)
        return;
    /* Of a pruned producer nothing is left; of one that only says so, all is asked for. */
    bool is_gone = book->is_pruned && producers->chain.last_sequence == 0;
    chain_end(&producers->chain, is_gone ? 0 : book->told_last, is_gone || book->is_closed);
    producers->count++;
    producers->is_open = false;
}

static bool is_current(const struct producers *producers, const struct uuid *producer_id)
{
    return producers->is_open && uuid_compare(&producers->chain.producer_id, producer_id) == 0;
}

/* Producers that have a book and nothing else, up to this one. NULL: all that are left. */
static bool pass_silent(struct producers *producers, const struct uuid *producer_id, struct error *error)
{
    while (!producers->books.ended && (producer_id == NULL || compare_page(&producers->books, producer_id) < 0)) {
        struct uuid silent = postgres_read_uuid(pages_cell(&producers->books, 0));

        if (!open_chain(producers, &silent, error))
            return false;
        close_chain(producers);
    }
    return true;
}

static bool go_to(struct producers *producers, const struct uuid *producer_id, struct error *error)
{
    if (is_current(producers, producer_id))
        return true;
    close_chain(producers);
    return pass_silent(producers, producer_id, error) && open_chain(producers, producer_id, error);
}

/* What was set aside before this number of this producer. NULL: all that is left. */
static bool pass_held(struct producers *producers, const struct uuid *producer_id, uint64_t sequence,
                      struct error *error)
{
    struct held *held = &producers->held;

    while (held_is_before(held, producer_id, sequence)) {
        if (!go_to(producers, &held->producer_id, error))
            return false;
        chain_held(&producers->chain, held->sequence, held->has_digest ? &held->digest : NULL, held->rejected_at_us);
        if (!held_next(held, error))
            return false;
    }
    return true;
}

bool producers_open(struct producers *producers, struct postgres *postgres, const struct part *part,
                    struct error *error)
{
    producers->books = (struct pages){.postgres = postgres,
                                      .statement = &books_statement,
                                      .key_count = 1,
                                      .constants = part->parameters,
                                      .constant_count = PART_PARAMETERS,
                                      .keys = {{.size = UUID_BYTES}}}; /* the least there can be */
    return held_open(&producers->held, postgres, part, error) && pages_next(&producers->books, error);
}

bool producers_come_to(struct producers *producers, const struct uuid *producer_id, uint64_t sequence,
                       struct error *error)
{
    return pass_held(producers, producer_id, sequence, error) && go_to(producers, producer_id, error);
}

bool producers_end(struct producers *producers, struct error *error)
{
    if (!pass_held(producers, NULL, 0, error))
        return false;
    close_chain(producers);
    return pass_silent(producers, NULL, error);
}

void producers_close(struct producers *producers)
{
    held_close(&producers->held);
    pages_close(&producers->books);
}
