#include "replay/retention/coverage.h"

/* Runs of our own and of seals may be the same. */
static const struct postgres_statement boundary_statement = {
    "prune_boundary", "INSERT INTO taskledger.prune_boundary (producer_id, first_sequence, last_sequence, digest)"
                      " SELECT * FROM unnest($1::uuid[], $2::int8[], $3::int8[], $4::bytea[]) ON CONFLICT DO NOTHING"};

bool coverage_open(struct coverage *coverage, struct error *error)
{
    static const enum columns_type types[] = {COLUMNS_UUID, COLUMNS_INT8, COLUMNS_INT8, COLUMNS_BYTEA, 0};
    bool good = true;

    columns_init(&coverage->boundaries, &boundary_statement, types);
    coverage->digester = digester_new();
    for (size_t i = 0; i < coverage->seal_count; i++) {
        coverage->seals[i].digester = digester_new();
        good = good && coverage->seals[i].digester != NULL;
    }
    return (good && coverage->digester != NULL) ||
           error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
}

void coverage_close(struct coverage *coverage)
{
    columns_close(&coverage->boundaries);
    digester_free(coverage->digester);
    for (size_t i = 0; i < coverage->seal_count; i++) {
        seal_file_close(&coverage->seals[i].file);
        digester_free(coverage->seals[i].digester);
    }
}

static bool is_in_range(const struct coverage *coverage, const struct uuid *producer_id)
{
    return uuid_compare(producer_id, &coverage->range->first) >= 0 &&
           uuid_compare(producer_id, &coverage->range->before) < 0;
}

/* ---- boundaries -------------------------------------------------------------------------------------------------- */

static bool note(struct coverage *coverage, const struct seal_segment *segment, struct error *error)
{
    struct columns *columns = &coverage->boundaries;

    if (coverage->writer == NULL)
        return true;
    binary_uuid(columns_next(columns), &segment->producer_id);
    binary_int64(columns_next(columns), (int64_t)segment->first);
    binary_int64(columns_next(columns), (int64_t)segment->last);
    binary_bytes(columns_next(columns), digest_slice(&segment->digest));
    return !columns_full(columns) || columns_send(columns, coverage->writer, error);
}

static void tell_segment(void *self, const struct seal_segment *segment)
{
    struct coverage *coverage = self;

    if (!coverage->failed)
        coverage->failed = !note(coverage, segment, &coverage->why);
}

/* All segments of a seal that holds. */
static bool note_seal(struct coverage *coverage, struct coverage_seal *seal, struct error *error)
{
    struct seal_segment segment;
    bool ended = false;

    seal_file_close(&seal->file);
    seal->file = (struct seal_file){.stream = NULL};
    if (!seal_file_open(&seal->file, seal->path, error))
        return false;
    for (;;) {
        if (!seal_file_next(&seal->file, &segment, &ended, error))
            return false;
        if (ended)
            return true;
        if (is_in_range(coverage, &segment.producer_id) && !note(coverage, &segment, error))
            return false;
    }
}

static bool note_seals(struct coverage *coverage, struct error *error)
{
    if (coverage->writer == NULL || coverage->diverged != NULL)
        return true;
    for (size_t i = 0; i < coverage->seal_count; i++)
        if (!note_seal(coverage, &coverage->seals[i], error))
            return false;
    return coverage->boundaries.rows == 0 || columns_send(&coverage->boundaries, coverage->writer, error);
}

/* ---- seals ------------------------------------------------------------------------------------------------------- */

struct world {
    struct coverage *coverage;
    struct coverage_seal *seal;
};

static bool next_segment(void *self, struct seal_segment *segment, bool *ended, struct error *error)
{
    struct world *world = self;

    return seal_file_next(&world->seal->file, segment, ended, error);
}

/* Others are not looked at here. */
static bool look_elsewhere(void *self, const struct seal_segment *segment, enum proof_pruned *pruned,
                           struct error *error)
{
    const struct world *world = self;

    (void)error;
    *pruned = is_in_range(world->coverage, &segment->producer_id) ? PROOF_NOT_PRUNED : PROOF_BOUNDARY;
    return true;
}

static void tell_diverged(void *self, const struct proof_finding *finding)
{
    struct world *world = self;

    world->seal->diverged += finding->kind != PROOF_UNPROVEN;
}

static bool begin_seal(struct world *world, struct error *error)
{
    struct coverage_seal *seal = world->seal;

    seal_file_close(&seal->file);
    seal->file = (struct seal_file){.stream = NULL};
    seal->diverged = 0;
    seal->proof = (struct proof){
        .world = {.next = next_segment, .pruned = look_elsewhere, .tell = tell_diverged, .self = world},
        .digester = seal->digester,
    };
    return seal_file_open(&seal->file, seal->path, error);
}

/* ---- the scan ---------------------------------------------------------------------------------------------------- */

static void step(void *self, const struct chain_step *step)
{
    struct coverage *coverage = self;

    coverage->numbers++;
    segments_step(&coverage->segments, step);
    for (size_t i = 0; i < coverage->seal_count; i++)
        proof_step(&coverage->seals[i].proof, step);
    if (!coverage->failed && coverage->exported != NULL)
        coverage->failed = !exported_step(coverage->exported, step, &coverage->why);
}

static bool scan(struct coverage *coverage, struct ledger *ledger, struct error *error)
{
    struct seal_scan scan = {
        .ledger = ledger,
        .range = coverage->range,
        .listener = {.step = step, .self = coverage},
        .progress = coverage->progress,
    };

    if (!seal_scan_run(&scan, error))
        return false;
    segments_end(&coverage->segments);
    if (coverage->failed)
        *error = coverage->why;
    return !coverage->failed;
}

static bool judge(struct coverage *coverage, struct error *error)
{
    coverage->is_sealed = false;
    coverage->diverged = NULL;
    for (size_t i = 0; i < coverage->seal_count; i++) {
        struct coverage_seal *seal = &coverage->seals[i];

        if (!proof_end(&seal->proof, error))
            return false;
        if (seal->diverged > 0 && coverage->diverged == NULL)
            coverage->diverged = seal->path;
        coverage->is_sealed = coverage->is_sealed || seal->proof.held.events == coverage->numbers;
    }
    coverage->is_exported = coverage->exported != NULL && coverage->exported->missing == 0;
    return true;
}

bool coverage_run(struct coverage *coverage, struct ledger *ledger, const struct seal_scan_range *range,
                  struct postgres *writer, struct error *error)
{
    struct world worlds[COVERAGE_SEALS_MAX];

    coverage->range = range;
    coverage->writer = writer;
    coverage->numbers = 0;
    coverage->failed = false;
    columns_reset(&coverage->boundaries);
    coverage->segments = (struct segments){.tell = tell_segment, .self = coverage, .digester = coverage->digester};
    for (size_t i = 0; i < coverage->seal_count; i++) {
        worlds[i] = (struct world){.coverage = coverage, .seal = &coverage->seals[i]};
        if (!begin_seal(&worlds[i], error))
            return false;
    }
    return (coverage->exported == NULL || exported_begin(coverage->exported, error)) && scan(coverage, ledger, error) &&
           judge(coverage, error) && note_seals(coverage, error);
}
