/* Any bytes: reading a seal ends, and what is taken for one is spelled as it would be written, in its order, with its
 * totals. The body's digest is made right first, else hardly anything would get behind it. */
#include "proto/digester.h"
#include "replay/seal/seal_file.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where the value behind "\nbody-sha256 " stands, if there is room for it. */
static char *find_digest(char *text, size_t size, const char **end)
{
    static const char end_word[] = "\n" SEAL_LINE_END "\n", digest_word[] = "\nbody-sha256 ";
    char *end_line = memmem(text, size, end_word, sizeof end_word - 1);
    char *word = memmem(text, size, digest_word, sizeof digest_word - 1);

    if (end_line == NULL || word == NULL || (size_t)(text + size - word) < sizeof digest_word - 1 + DIGEST_HEX_BYTES)
        return NULL;
    *end = end_line + 1;
    return word + sizeof digest_word - 1;
}

static void make_right(char *text, size_t size)
{
    const char *end;
    char *digest_text = find_digest(text, size, &end), hex[DIGEST_HEX_BYTES];
    struct digester *digester = digester_new();

    assert(digester != NULL);
    if (digest_text != NULL) {
        struct digest digest = digester_hash(digester, slice_of(text, (size_t)(end - text)));
        digest_format(&digest, hex);
        memcpy(digest_text, hex, sizeof hex - 1);
    }
    digester_free(digester);
}

static void read_all(struct seal_file *file)
{
    struct seal_segment segment, last = {.first = 0};
    struct seal_totals totals = {.events = 0};
    struct error error;
    bool ended = false;

    for (;;) {
        char line[SEAL_LINE_BYTES_MAX];
        struct seal_segment again;

        assert(seal_file_next(file, &segment, &ended, &error));
        if (ended)
            break;
        size_t size = seal_line_format(&segment, line);
        assert(seal_line_parse(slice_of(line, size - 1), &again));
        assert(segment.first > 0 && segment.first <= segment.last && segment.last <= INT64_MAX);
        assert(seal_line_count(&totals, &segment, &last.producer_id));
        last = segment;
    }
    assert(totals.events == file->totals.events && totals.segments == file->totals.segments &&
           totals.producers == file->totals.producers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct seal_file file;
    struct error error;

    assert(text != NULL);
    memcpy(text, data, size);
    make_right(text, size);
    FILE *stream = size == 0 ? NULL : fmemopen(text, size, "r");
    if (stream != NULL && seal_file_use(&file, stream, "seal", &error)) {
        read_all(&file);
        seal_file_close(&file);
    }
    free(text);
    return 0;
}
