/* How a batch becomes rows, from the answer of Redis to what PostgreSQL is sent. */
#include "consumer/ledger/apply.h"
#include "consumer/ledger/event_rows.h"
#include "consumer/ledger/intake.h"
#include "consumer/ledger/task_rows.h"
#include "proto/projection.h"
#include "proto/redis_parser.h"
#include "tests/bench/guard/sample.h"
#include "tests/bench/guard/willing_postgres.h"
#include "tests/bench/guard/work.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENTRY_BYTES_MAX = 1024, ANSWER_BYTES_MAX = SAMPLE_EVENTS * ENTRY_BYTES_MAX };

static struct error error;
static struct postgres postgres;
static struct intake intake;
static struct keys keys;

static void must(bool good)
{
    if (!good)
        abort();
}

/* ---- from the line ----------------------------------------------------------------------------------------------- */

static char answer[ANSWER_BYTES_MAX];
static size_t answer_bytes;
static struct redis_parser *parser;

static void add_entry(const struct entry *entry)
{
    char id[STREAM_ID_BYTES_MAX];
    char *at = answer + answer_bytes;

    stream_id_format(entry->id, id);
    at += sprintf(at, "*2\r\n$%zu\r\n%s\r\n*2\r\n$5\r\nevent\r\n$%zu\r\n", strlen(id), id, entry->payload.size);
    memcpy(at, entry->payload.data, entry->payload.size);
    at += entry->payload.size;
    memcpy(at, "\r\n", 2);
    answer_bytes = (size_t)(at + 2 - answer);
}

static void prepare_read(void)
{
    parser = redis_parser_new(EVENT_BYTES_MAX + 1, "");
    must(parser != NULL);
    answer_bytes = (size_t)sprintf(answer, "*1\r\n*2\r\n$17\r\ntaskledger:events\r\n*%d\r\n", SAMPLE_EVENTS);
    for (size_t i = 0; i < SAMPLE_EVENTS; i++)
        add_entry(&sample()->entries[i]);
}

static void read_answer(void)
{
    static const char *const names[] = {"taskledger:events"};
    static struct entry entries[SAMPLE_EVENTS];
    static struct arena arena;
    struct entry_reader reader = {
        .shape = ENTRY_SHAPE_GROUP,
        .arena = &arena,
        .entries = entries,
        .capacity = SAMPLE_EVENTS,
        .keys = names,
        .shards = 1,
    };
    struct redis_visitor visitor = entry_visitor(&reader);
    struct slice input = slice_of(answer, answer_bytes);
    bool complete = false;

    arena_reset(&arena, SIZE_MAX);
    while (!complete)
        must(redis_parser_step(parser, &visitor, &input, &complete, &error));
    must(reader.count == SAMPLE_EVENTS);
}

/* ---- to the ledger ----------------------------------------------------------------------------------------------- */

static void decode(void)
{
    struct event event;
    bool has_identity;

    for (size_t i = 0; i < SAMPLE_EVENTS; i++)
        must(event_decode(sample()->entries[i].payload, &event, &has_identity, &error));
}

static void fold(void)
{
    static struct projection tasks[SAMPLE_TASKS];
    static bool begun[SAMPLE_TASKS];

    memset(begun, 0, sizeof begun);
    for (size_t i = 0; i < SAMPLE_EVENTS; i++) {
        unsigned task = sample()->tasks[i];
        struct projection one = projection_of(&sample()->events[i]);

        if (begun[task])
            projection_merge(&tasks[task], &one);
        else
            tasks[task] = one;
        begun[task] = true;
    }
}

static void prepare_intake(void)
{
    (void)sample();
    must(intake_init(&intake, &error) && keys_init(&keys, STREAM_DEFAULT, 1));
}

static void read_intake(void)
{
    const struct batch batch = sample_batch();

    must(intake_read(&intake, &batch, &error));
    intake_mark(&intake);
}

static void prepare_rows(void)
{
    prepare_intake();
    read_intake();
}

static void copy(void)
{
    static struct event_rows rows;

    rows.postgres = &postgres;
    rows.keys = &keys;
    must(event_rows_send(&rows, EVENT_ROWS_BEGIN, &intake, &error) && event_rows_end(&rows, &error));
}

static void put_tasks(void)
{
    static struct task_rows rows;
    struct postgres_parameter parameters[COLUMNS_MAX];

    if (rows.columns.statement == NULL)
        task_rows_init(&rows.columns);
    task_rows_take(&rows, &intake);
    must(task_rows_put(&rows, &postgres, &error) && columns_finish(&rows.columns, parameters, &error));
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static struct apply *apply;

static void prepare_apply(void)
{
    (void)sample();
    apply = apply_new(&postgres, &(struct apply_options){.stream = STREAM_DEFAULT, .shards = 1}, &error);
    must(apply != NULL);
}

static void apply_batch(void)
{
    const struct sink sink = apply_sink(apply);
    const struct batch batch = sample_batch();

    must(sink.apply(sink.self, &batch, &error));
}

const struct work work_consumer[] = {
    {"read", prepare_read, read_answer},
    {"decode", NULL, decode},
    {"intake", prepare_intake, read_intake},
    {"fold", NULL, fold},
    {"copy", prepare_rows, copy},
    {"task rows", prepare_rows, put_tasks},
    {"apply", prepare_apply, apply_batch},
    {.name = NULL},
};
