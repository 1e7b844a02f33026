#include "consumer/upkeep/upkeep.h"

enum { KEEP_BYTES = 64 * 1024, REST_MS = 1000, SHARDS_A_CENSUS = 32 };

static const struct memory unknown_memory = {.used_bytes = -1, .max_bytes = -1};

void upkeep_init(struct upkeep *upkeep, const struct upkeep_options *options, const struct group *source,
                 struct postgres *postgres, const struct clock *clock)
{
    const struct trim_options trim = {
        .group = options->group,
        .shards = options->shards,
        .retain_ms = options->retain_ms,
        .retain_bytes = options->retain_bytes,
        .clock = clock,
    };

    *upkeep = (struct upkeep){.options = *options, .source = source, .clock = clock, .memory = unknown_memory};
    arena_init(&upkeep->arena, 0);
    trim_init(&upkeep->trim, &trim);
    upkeep->strays = (struct strays){.stream = options->stream, .group = options->group, .shards = options->shards};
    strays_init(&upkeep->strays);
    upkeep->census.arena = &upkeep->arena;
    forget_init(&upkeep->forget, postgres);
}

void upkeep_close(struct upkeep *upkeep)
{
    trim_close(&upkeep->trim);
    strays_close(&upkeep->strays);
    forget_close(&upkeep->forget);
    arena_close(&upkeep->arena);
}

static int64_t earlier(int64_t a_us, int64_t b_us)
{
    return a_us < b_us ? a_us : b_us;
}

int64_t upkeep_due_us(const struct upkeep *upkeep)
{
    return earlier(earlier(upkeep->trim_due_us, upkeep->strays_due_us),
                   earlier(upkeep->census_due_us, upkeep->forget_due_us));
}

/* Whether it is due; if so it is due again `every_ms` from now. */
static bool take_due(const struct upkeep *upkeep, int64_t *due_us, int64_t every_ms)
{
    if (upkeep->clock->monotonic_us(upkeep->clock->self) < *due_us)
        return false;
    *due_us = clock_deadline_us(upkeep->clock, every_ms);
    return true;
}

/* How much memory is left decides what is kept, so it is looked at first. */
static bool trim_if_due(struct upkeep *upkeep, struct redis *line, struct error *error)
{
    bool more = false;

    if (!take_due(upkeep, &upkeep->trim_due_us, TRIM_MS))
        return true;
    arena_reset(&upkeep->arena, KEEP_BYTES);
    if (!memory_look(&upkeep->memory, line, &upkeep->arena, error))
        return false;
    if (!upkeep->options.trims)
        return true;
    if (!trim_round(&upkeep->trim, line, upkeep->source, &upkeep->memory, &more, error))
        return false;
    if (more)
        upkeep->trim_due_us = clock_deadline_us(upkeep->clock, TRIM_AGAIN_MS);
    return true;
}

static bool strays_if_due(struct upkeep *upkeep, struct redis *line, struct error *error)
{
    if (!take_due(upkeep, &upkeep->strays_due_us, STRAYS_MS))
        return true;
    return strays_round(&upkeep->strays, upkeep->options.trims ? &upkeep->trim : NULL, line, error);
}

static bool census_if_due(struct upkeep *upkeep, struct redis *line, struct error *error)
{
    int64_t every_ms = CENSUS_MS * (1 + (int64_t)upkeep->options.shards / SHARDS_A_CENSUS);

    if (!take_due(upkeep, &upkeep->census_due_us, every_ms))
        return true;
    return census_take(&upkeep->census, line, upkeep->source, upkeep->options.shards, upkeep->options.group, error);
}

static bool forget_if_due(struct upkeep *upkeep, struct redis *line, struct error *error)
{
    bool more = false;

    if (!take_due(upkeep, &upkeep->forget_due_us, FORGET_MS))
        return true;
    arena_reset(&upkeep->arena, KEEP_BYTES);
    if (!forget_page(&upkeep->forget, line, &upkeep->arena, &more, error))
        return false;
    if (more)
        upkeep->forget_due_us = clock_deadline_us(upkeep->clock, FORGET_AGAIN_MS);
    return true;
}

bool upkeep_round(struct upkeep *upkeep, struct redis *line, struct error *error)
{
    static bool (*const parts[])(struct upkeep *, struct redis *, struct error *) = {
        trim_if_due,
        strays_if_due,
        census_if_due,
        forget_if_due,
    };
    bool good = true;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct error why;

        if (parts[i](upkeep, line, &why))
            continue;
        if (good)
            *error = why;
        good = false;
    }
    return good;
}

void upkeep_rest(struct upkeep *upkeep)
{
    int64_t due_us = clock_deadline_us(upkeep->clock, REST_MS);

    upkeep->census = (struct census){.arena = &upkeep->arena};
    upkeep->memory = unknown_memory;
    trim_rest(&upkeep->trim);
    strays_rest(&upkeep->strays);
    upkeep->trim_due_us = due_us;
    upkeep->strays_due_us = due_us;
    upkeep->census_due_us = due_us;
    upkeep->forget_due_us = due_us;
}

int64_t upkeep_stream_bytes(const struct upkeep *upkeep)
{
    int64_t bytes = trim_bytes(&upkeep->trim);

    return bytes > 0 ? bytes : -1;
}

int64_t upkeep_stray_unsettled(const struct upkeep *upkeep)
{
    return upkeep->strays.is_known ? upkeep->strays.found.unsettled : -1;
}

const struct census_row *upkeep_blocker(const struct upkeep *upkeep)
{
    return upkeep->options.trims ? census_blocker(&upkeep->census, upkeep->options.retain_ms) : NULL;
}
