/* Any bytes: the checker ends within them, what it accepts is UTF-8 and stays accepted one level deeper, and the writer
 * makes of them a string that it accepts. */
#include "proto/json.h"
#include "proto/json_writer.h"
#include "proto/utf8.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool accepts(struct slice text, unsigned depth_max)
{
    size_t offset = SIZE_MAX;
    const char *wrong = json_check_object(text, depth_max, &offset);

    assert(wrong == NULL ? offset == SIZE_MAX : offset <= text.size);
    return wrong == NULL;
}

static void nest(struct slice text)
{
    struct json_writer json = {0};

    json_writer_object_begin(&json);
    json_writer_key(&json, "inner");
    json_writer_raw(&json, text);
    json_writer_object_end(&json);
    assert(!json.failed);
    assert(accepts(json_writer_slice(&json), JSON_DEPTH_MAX) == accepts(text, JSON_DEPTH_MAX - 1));
    json_writer_close(&json);
}

static void quote(struct slice text)
{
    struct json_writer json = {0};

    json_writer_object_begin(&json);
    json_writer_key(&json, "text");
    json_writer_string(&json, text);
    json_writer_object_end(&json);
    assert(!json.failed);
    assert(accepts(json_writer_slice(&json), 1));
    json_writer_close(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);

    if (accepts(text, JSON_DEPTH_MAX)) {
        assert(utf8_check(text) == size);
        nest(text);
    }
    quote(text);
    return 0;
}
