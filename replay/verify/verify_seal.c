#include "replay/verify/verify_seal.h"

#include "proto/rfc3339.h"
#include "replay/seal/proof.h"
#include "replay/seal/seal_file.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { DETAIL_BYTES = 256, PARTITION_BYTES = 64, KEY_SHOWN_DIGITS = 16 };

struct verify_seal {
    struct verify *verify; /* borrowed */
    const char *path;
    struct seal_file file;
    struct signature_key *key; /* that must have signed it; NULL: any may */
    struct digester *digester;
    struct proof proof;
    bool asked_month;       /* of the last producer that is gone */
    struct uuid month_ends; /* who is born in it is less than this */
    char detail[DETAIL_BYTES];
};

/* ---- what became of a producer ----------------------------------------------------------------------------------- */

/* Who prunes marks the producer: a record without the mark is nobody's, and excuses nothing. */
#define RECORD                                                                         \
    " FROM taskledger.prune_boundary b JOIN taskledger.producer p USING (producer_id)" \
    " WHERE producer_id = $1::uuid AND p.pruned_at IS NOT NULL"

static const struct postgres_statement boundary_statement = {
    "replay_boundary",
    "SELECT (SELECT b.digest" RECORD " AND b.first_sequence = $2::int8 AND b.last_sequence = $3::int8),"
    " EXISTS (SELECT" RECORD ")"};

static bool find_pruned(void *self, const struct seal_segment *segment, enum proof_pruned *pruned, struct error *error)
{
    struct verify_seal *seal = self;
    AUTO_POSTGRES_RESULT result = NULL;
    uint8_t first[8], last[8];
    struct slice value;
    const struct postgres_parameter parameters[] = {
        {.value = slice_of(segment->producer_id.bytes, UUID_BYTES)},
        {.value = ledger_bigint(segment->first, first)},
        {.value = ledger_bigint(segment->last, last)},
    };

    if (!postgres_query(seal->verify->ledger.side, &boundary_statement, parameters, 3, &result, error))
        return false;
    if (postgres_value(result, 0, 0, &value))
        *pruned = slice_equal(value, digest_slice(&segment->digest)) ? PROOF_BOUNDARY : PROOF_OTHER_BOUNDARY;
    else
        *pruned =
            postgres_value(result, 0, 1, &value) && postgres_read_boolean(value) ? PROOF_PRUNED : PROOF_NOT_PRUNED;
    return true;
}

/* The month in which the producer was born: its partition's name, whether it is empty, and where it ends. */
static const struct postgres_statement month_statement = {
    "replay_month",
    "SELECT to_char(month, '\"task_event_y\"YYYY\"m\"MM'), NOT EXISTS (SELECT FROM taskledger.task_event"
    "   WHERE producer_id >= taskledger.first_uuid(month AT TIME ZONE 'UTC')"
    "   AND producer_id < taskledger.first_uuid((month + interval '1 month') AT TIME ZONE 'UTC')),"
    " taskledger.first_uuid((month + interval '1 month') AT TIME ZONE 'UTC')"
    " FROM date_trunc('month', to_timestamp(('x' || left(replace($1::uuid::text, '-', ''), 12))"
    "  ::bit(48)::bigint / 1000.0) AT TIME ZONE 'UTC') AS month"};

static void tell_partition(struct verify_seal *seal, struct slice partition)
{
    const struct finding finding = {.kind = VERDICT_SEALED_PARTITION};

    verify_report_add(&seal->verify->report, &finding,
                      "nothing is there of any producer born in that month: %.*s was emptied or dropped",
                      SLICE_PRINT(partition));
}

/* A producer is gone; is all of its month? Asked once a month. What cannot be asked is told as it is anyway. */
static void look_at_month(struct verify_seal *seal, const struct uuid *producer_id)
{
    AUTO_POSTGRES_RESULT result = NULL;
    struct error ignored;
    struct slice name, is_empty, ends;
    const struct postgres_parameter parameters[] = {{.value = slice_of(producer_id->bytes, UUID_BYTES)}};
    bool is_dated = producer_id->bytes[6] >> 4 == 7;

    if (!is_dated || (seal->asked_month && uuid_compare(producer_id, &seal->month_ends) < 0))
        return;
    if (!postgres_query(seal->verify->ledger.side, &month_statement, parameters, 1, &result, &ignored) ||
        !postgres_value(result, 0, 0, &name) || !postgres_value(result, 0, 1, &is_empty) ||
        !postgres_value(result, 0, 2, &ends))
        return;
    seal->asked_month = true;
    seal->month_ends = postgres_read_uuid(ends);
    if (postgres_read_boolean(is_empty))
        tell_partition(seal, name);
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static const struct {
    enum verdict_kind verdict;
    const char *one;
    const char *many;
} texts[] = {
    [PROOF_CHANGED] = {VERDICT_SEALED_CHANGED, "is not what was sealed",
                       "events, at least one of which is not what was sealed; the links tell no more"},
    [PROOF_REMOVED] = {VERDICT_SEALED_REMOVED, "is gone; later ones are there",
                       "sealed events are gone; later ones are there"},
    [PROOF_TRUNCATED] = {VERDICT_SEALED_TRUNCATED, "is gone, and nothing later is there",
                         "sealed events are gone, and nothing later is there"},
    [PROOF_GONE] = {VERDICT_SEALED_PRODUCER, "is gone, and nothing of the producer is there",
                    "sealed events are gone, and nothing of the producer is there"},
    [PROOF_INSERTED] = {VERDICT_SEALED_INSERTED, "stands where the sealed events leave no room",
                        "events stand where the sealed ones leave no room"},
    [PROOF_UNPROVEN] = {VERDICT_SEALED_UNPROVEN, "was pruned, and this seal was not given to prune",
                        "sealed events were pruned, and this seal was not given to prune"},
};

static void tell(void *self, const struct proof_finding *told)
{
    struct verify_seal *seal = self;
    const struct finding finding = {
        .kind = texts[told->kind].verdict,
        .has_producer = true,
        .producer_id = told->producer_id,
        .first = told->first,
        .last = told->last,
    };
    if (told->kind == PROOF_GONE)
        look_at_month(seal, &told->producer_id);
    if (told->count == 1)
        verify_report_add(&seal->verify->report, &finding, "%s", texts[told->kind].one);
    else
        verify_report_add(&seal->verify->report, &finding, "%" PRIu64 " %s", told->count, texts[told->kind].many);
}

/* ---- along with the chains --------------------------------------------------------------------------------------- */

static bool next_segment(void *self, struct seal_segment *segment, bool *ended, struct error *error)
{
    struct verify_seal *seal = self;

    do
        if (!seal_file_next(&seal->file, segment, ended, error))
            return false;
    while (!*ended && !part_has(&seal->verify->part, &segment->producer_id));
    return true;
}

static bool read_key(struct verify_seal *seal, const char *path, struct error *error)
{
    if (path == NULL)
        return true;
    seal->key = signature_public_key(path, error);
    return seal->key != NULL;
}

static bool open_file(struct verify_seal *seal, struct error *error)
{
    seal->digester = digester_new();
    if (seal->digester == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot hash: out of memory");
    seal->proof = (struct proof){
        .world = {.next = next_segment, .pruned = find_pruned, .tell = tell, .self = seal},
        .digester = seal->digester,
    };
    return seal_file_open(&seal->file, seal->path, error) &&
           (seal->key == NULL || seal_file_signed_by(&seal->file, seal->key, error));
}

bool verify_seal_open(struct verify *verify, struct verify_seal **seal, struct error *error)
{
    const struct settings *settings = verify->settings;

    *seal = NULL;
    if (settings->seal == NULL)
        return settings->public_key == NULL ||
               error_set(error, ERROR_FATAL, "usage", "--public-key is of no use without --seal");
    *seal = calloc(1, sizeof **seal);
    if (*seal == NULL)
        return error_set(error, ERROR_FATAL, "memory", "cannot read a seal: out of memory");
    (*seal)->verify = verify;
    (*seal)->path = settings->seal;
    if (read_key(*seal, settings->public_key, error) && open_file(*seal, error))
        return true;
    verify_seal_free(*seal);
    *seal = NULL;
    return false;
}

struct chain_listener verify_seal_listener(struct verify_seal *seal)
{
    if (seal == NULL)
        return (struct chain_listener){.step = NULL};
    return (struct chain_listener){.step = proof_step, .self = &seal->proof};
}

/* ---- the verdict ------------------------------------------------------------------------------------------------- */

/* Nothing of what was sealed is there, nor was it pruned. */
static bool matches_nothing(const struct proof *proof)
{
    return proof->asked.segments > 0 && proof->held.producers == 0 && proof->pruned.segments == 0 &&
           proof->unproven.segments == 0;
}

static void describe(struct verify_seal *seal)
{
    char time[RFC3339_TEXT_BYTES], key[DIGEST_HEX_BYTES];
    const struct seal_file *file = &seal->file;

    rfc3339_format(file->sealed_at_us, time);
    digest_format(&file->key_id, key);
    int size =
        snprintf(seal->detail, sizeof seal->detail, "of %" PRIu64 " sealed events are there, unchanged; sealed %s, ",
                 seal->proof.asked.events, time);
    if (size < 0 || (size_t)size >= sizeof seal->detail)
        return;
    if (!file->is_signed)
        snprintf(seal->detail + size, sizeof seal->detail - (size_t)size, "not signed");
    else
        snprintf(seal->detail + size, sizeof seal->detail - (size_t)size, "signed by %.*s...%s", KEY_SHOWN_DIGITS, key,
                 seal->key == NULL ? ", which was not checked (--public-key)" : "");
}

static void cover(struct verify_seal *seal)
{
    struct verify_report *report = &seal->verify->report;
    const struct proof *proof = &seal->proof;

    describe(seal);
    verify_report_cover(report, (struct verify_coverage){
                                    .check = "seal",
                                    .state = proof->unproven.segments > 0 ? VERIFY_PARTLY : VERIFY_CHECKED,
                                    .asked = seal->verify->settings->subset,
                                    .items = proof->held.events,
                                    .detail = seal->detail,
                                });
    if (proof->pruned.events > 0)
        verify_report_cover(report, (struct verify_coverage){
                                        .check = "sealed, pruned",
                                        .state = VERIFY_CHECKED,
                                        .asked = seal->verify->settings->subset,
                                        .items = proof->pruned.events,
                                        .detail = "sealed events of pruned producers: by the record of pruning alone",
                                    });
}

/* Only a seal that is kept elsewhere shows such a loss: who trusts the audit must know. */
static void cover_nothing(struct verify *verify)
{
    verify_report_cover(&verify->report, (struct verify_coverage){
                                             .check = "seal",
                                             .state = VERIFY_NOT_ASKED,
                                             .detail = "without --seal, events that were removed or replaced together "
                                                       "with all that tells of them cannot be missed"});
}

bool verify_seal_judge(struct verify *verify, struct error *error)
{
    struct verify_seal *seal = verify->seal;

    if (seal == NULL) {
        cover_nothing(verify);
        return true;
    }
    if (!proof_end(&seal->proof, error))
        return false;
    if (part_is_all(&verify->part) && matches_nothing(&seal->proof)) {
        const struct finding finding = {.kind = VERDICT_SEALED_NOTHING};
        verify_report_add(&verify->report, &finding, "the seal is of another ledger, or all that it tells of is gone");
    }
    cover(seal);
    return true;
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

static const struct column seal_columns[] = {
    {"file", "seal", COLUMN_TEXT, COLUMN_CELL},
    {"sealed_at", "sealed", COLUMN_TIME, COLUMN_CELL},
    {"snapshot", NULL, COLUMN_TEXT, COLUMN_MACHINE},
    {"key_id", "signed by", COLUMN_TEXT, COLUMN_CELL},
    {"is_signature_checked", "signature checked", COLUMN_BOOLEAN, COLUMN_CELL},
    {"producers", "producers sealed", COLUMN_INTEGER, COLUMN_CELL},
    {"segments", "segments sealed", COLUMN_INTEGER, COLUMN_CELL},
    {"events", "events sealed", COLUMN_INTEGER, COLUMN_CELL},
    {"segments_held", "segments there", COLUMN_INTEGER, COLUMN_CELL},
    {"events_held", "events there", COLUMN_INTEGER, COLUMN_CELL},
    {"events_pruned", "events pruned", COLUMN_INTEGER, COLUMN_CELL},
    {"events_unproven", "events unproven", COLUMN_INTEGER, COLUMN_CELL},
};

static const struct section seal_section = {
    .name = "seal",
    .item = "seal",
    .columns = seal_columns,
    .count = sizeof seal_columns / sizeof *seal_columns,
};

void verify_seal_write(const struct verify_seal *seal, struct output *output)
{
    char key[DIGEST_HEX_BYTES];
    const struct seal_file *file = &seal->file;
    const struct proof *proof = &seal->proof;

    digest_format(&file->key_id, key);
    const struct value values[] = {
        value_words(seal->path),
        value_time(file->sealed_at_us),
        value_words(file->snapshot),
        value_words(file->is_signed ? key : ""),
        value_integer(seal->key != NULL),
        value_unsigned(file->totals.producers),
        value_unsigned(file->totals.segments),
        value_unsigned(file->totals.events),
        value_unsigned(proof->held.segments),
        value_unsigned(proof->held.events),
        value_unsigned(proof->pruned.events),
        value_unsigned(proof->unproven.events),
    };
    static_assert(sizeof values / sizeof *values == sizeof seal_columns / sizeof *seal_columns, "a value a column");
    output_begin(output, &seal_section);
    output_row(output, values);
    output_end(output);
}

void verify_seal_free(struct verify_seal *seal)
{
    if (seal == NULL)
        return;
    seal_file_close(&seal->file);
    signature_key_free(seal->key);
    digester_free(seal->digester);
    free(seal);
}
