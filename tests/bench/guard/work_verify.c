/* How a stored event is looked at: decoded, compared with its columns, hashed, and found to follow. */
#include "consumer/ledger/event_rows.h"
#include "proto/digester.h"
#include "replay/verify/chain.h"
#include "replay/verify/verify_event.h"
#include "tests/bench/guard/sample.h"
#include "tests/bench/guard/willing_postgres.h"
#include "tests/bench/guard/work.h"

#include <stdlib.h>

enum {
    ROW_BYTES_MAX = 1024,
    COPY_HEADER_BYTES = 19,
    COPY_PAYLOAD = 20,  /* its place among the columns of the COPY */
    ASKED_PAYLOAD = 3,  /* and among those that verify asks for */
    COPY_EXTRACTED = 2, /* likewise the first of those that were extracted */
    ASKED_EXTRACTED = 4,
    RECORDED_AT = 2,
};

static uint8_t copied[SAMPLE_EVENTS * ROW_BYTES_MAX];
static size_t copied_bytes;
static struct postgres_row rows[SAMPLE_EVENTS];
static struct digester *digester;

static void must(bool good)
{
    if (!good)
        abort();
}

/* ---- rows, as the ledger has them after the COPY ----------------------------------------------------------------- */

static void take(void *self, struct slice bytes)
{
    (void)self;
    must(bytes.size <= sizeof copied - copied_bytes);
    memcpy(copied + copied_bytes, bytes.data, bytes.size);
    copied_bytes += bytes.size;
}

static void copy(void)
{
    struct postgres postgres = {.taker = take};
    const struct batch batch = sample_batch();
    struct intake intake;
    struct keys keys;
    struct error error;
    struct event_rows events = {.postgres = &postgres, .keys = &keys};

    must(intake_init(&intake, &error) && keys_init(&keys, STREAM_DEFAULT, 1));
    must(intake_read(&intake, &batch, &error));
    intake_mark(&intake);
    must(event_rows_send(&events, EVENT_ROWS_BEGIN, &intake, &error) && event_rows_end(&events, &error));
    binary_close(&events.buffer);
    keys_close(&keys);
    intake_close(&intake);
}

static uint32_t number_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static const uint8_t *cut(const uint8_t *at, struct slice *cell)
{
    uint32_t size = number_at(at);

    at += 4;
    *cell = (struct slice){0};
    if (size == UINT32_MAX)
        return at;
    *cell = slice_of(at, size);
    return at + size;
}

static const uint8_t *cut_row(const uint8_t *at, struct postgres_row *row)
{
    struct slice cells[COPY_PAYLOAD + 1];

    at += 2;
    for (size_t i = 0; i <= COPY_PAYLOAD; i++)
        at = cut(at, &cells[i]);
    row->cells[0] = cells[0];
    row->cells[1] = cells[1];
    row->cells[RECORDED_AT] = cells[2];
    row->cells[ASKED_PAYLOAD] = cells[COPY_PAYLOAD];
    memcpy(row->cells + ASKED_EXTRACTED, cells + COPY_EXTRACTED, EXTRACTED_CELLS * sizeof *cells);
    return at;
}

/* Big-endian both: in the order in which the ledger is asked for them. */
static int by_key(const void *left, const void *right)
{
    const struct postgres_row *a = left, *b = right;
    int order = slice_compare(a->cells[0], b->cells[0]);

    return order != 0 ? order : slice_compare(a->cells[1], b->cells[1]);
}

static void prepare(void)
{
    copy();
    const uint8_t *at = copied + COPY_HEADER_BYTES;
    for (size_t i = 0; i < SAMPLE_EVENTS; i++)
        at = cut_row(at, &rows[i]);
    qsort(rows, SAMPLE_EVENTS, sizeof *rows, by_key);
    digester = digester_new();
    must(digester != NULL);
}

/* ---- the audit --------------------------------------------------------------------------------------------------- */

static void tell(void *self, const struct chain_finding *finding)
{
    (void)self;
    (void)finding;
    abort(); /* all is well with the sample */
}

static void verify(void)
{
    static struct arena arena;
    static struct verify_report report = {.limit = 1};
    struct chain chain = {.tell = tell};

    for (size_t i = 0; i < SAMPLE_EVENTS; i++) {
        struct verify_event event;

        verify_event_read(&rows[i], &event);
        verify_event_check(&rows[i], &arena, &report, &event);
        if (uuid_compare(&chain.producer_id, &event.producer_id) != 0)
            chain_begin(&chain, &event.producer_id);
        struct digest digest = digester_hash(digester, event.payload);
        chain_event(&chain, &event.event, &digest, event.recorded_at_us);
    }
    must(verdict_findings(&report.counts) == 0);
}

const struct work work_verify[] = {
    {"verify", prepare, verify},
    {.name = NULL},
};
