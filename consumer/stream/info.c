#include "consumer/stream/info.h"

const struct reply *info_field(const struct reply *fields, const char *name)
{
    struct slice wanted = slice_from_text(name);

    if (fields->type != REPLY_ARRAY)
        return NULL;
    for (size_t i = 0; i + 1 < fields->count; i += 2)
        if (fields->elements[i].type == REPLY_STRING && slice_equal(fields->elements[i].text, wanted))
            return &fields->elements[i + 1];
    return NULL;
}

bool info_integer(const struct reply *fields, const char *name, int64_t *value)
{
    const struct reply *field = info_field(fields, name);

    if (field == NULL || field->type != REPLY_INTEGER)
        return false;
    *value = field->integer;
    return true;
}

bool info_text(const struct reply *fields, const char *name, struct slice *value)
{
    const struct reply *field = info_field(fields, name);

    if (field == NULL || field->type != REPLY_STRING)
        return false;
    *value = field->text;
    return true;
}
