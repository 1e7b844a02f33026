#include "producer/lease/errand.h"

#include "producer/lease/claim.h"
#include "producer/lease/permit.h"

const char *errand_verb(enum errand_kind kind)
{
    static const char *const verbs[] = {
        [ERRAND_NONE] = "",
        [ERRAND_ASK] = "ask",
        [ERRAND_RENEW] = "renew",
        [ERRAND_RELEASE] = "release",
    };

    return verbs[kind];
}

bool errand_append(struct redis *redis, const struct errand *errand, struct error *error)
{
    return errand->terms->is_permit ? permit_append(redis, errand, error) : claim_append(redis, errand, error);
}

bool errand_receive(struct redis *redis, struct arena *arena, const struct errand *errand, struct verdict *verdict,
                    struct error *error)
{
    struct verdict read = {.granted = false};
    struct reply reply;

    arena_reset(arena, 0);
    if (!redis_receive(redis, arena, 0, &reply, error))
        return false;
    if (!(errand->terms->is_permit ? permit_read(&reply, &read) : claim_read(&reply, &read))) {
        redis_disconnect(redis);
        return error_set(error, ERROR_FATAL, "reply", "cannot understand the answer to a script");
    }
    *verdict = read;
    return true;
}
