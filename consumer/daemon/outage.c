#include "consumer/daemon/outage.h"

#include <string.h>

static const char *name_of(enum outage_server server, bool connected, const struct error *error)
{
    if (strcmp(error->reason, "not_migrated") == 0)
        return "not_migrated";
    if (server == OUTAGE_REDIS)
        return connected ? "redis_failing" : "redis_away";
    return connected ? "postgresql_failing" : "postgresql_away";
}

static void begin(struct outage *outage)
{
    outage->going_on = true;
    outage->since_us = outage->clock->monotonic_us(outage->clock->self);
    outage->since_unix_us = outage->clock->unix_us(outage->clock->self);
    outage->failures = 0;
    outage->told = (struct tally){.count = 0};
}

/* True the first time in this outage. */
static bool is_news(struct outage *outage, const char *reason)
{
    size_t known = outage->told.count;

    tally_add(&outage->told, reason);
    return outage->told.count > known;
}

void outage_failed(struct outage *outage, bool connected, const struct error *error)
{
    if (!outage->going_on)
        begin(outage);

    outage->failures++;
    outage->name = name_of(outage->server, connected, error);
    outage->latest = *error;
    if (is_news(outage, error->reason))
        log_write(outage->log, LOG_LEVEL_WARNING, outage->name,
                  LOG_FIELDS(log_text("reason", error->reason), log_text("detail", error->text)));
}

void outage_over(struct outage *outage)
{
    int64_t away_us = outage->clock->monotonic_us(outage->clock->self) - outage->since_us;

    outage->has_answered = true;
    if (!outage->going_on)
        return;
    outage->going_on = false;
    log_write(outage->log, LOG_LEVEL_INFO, outage->server == OUTAGE_REDIS ? "redis_back" : "postgresql_back",
              LOG_FIELDS(log_text("reason", outage->latest.reason), log_integer("away_ms", away_us / 1000),
                         log_integer("tries", (int64_t)outage->failures)));
}

bool outage_is_up(const struct outage *outage)
{
    return outage->has_answered && !outage->going_on;
}
