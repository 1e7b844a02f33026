#include "replay/web/desk.h"

#include "replay/web/monitor_inside.h"
#include "replay/web/row_json.h"

#include <stdlib.h>

void *desk_new(void *self)
{
    struct desk *desk = calloc(1, sizeof *desk);

    if (desk != NULL)
        desk->monitor = self;
    return desk;
}

void desk_free(void *self)
{
    struct desk *desk = self;

    ledger_close(&desk->ledger);
    free(desk);
}

static bool sit_down(struct desk *desk, struct error *error)
{
    const struct monitor *monitor = desk->monitor;
    const struct postgres_options options = monitor_postgres_options(monitor, (int)monitor->settings->query_ms);

    return desk->ledger.main != NULL || ledger_open_as(&desk->ledger, &options, error);
}

bool desk_begin(struct desk *desk, struct error *error)
{
    return sit_down(desk, error) && ledger_begin(&desk->ledger, error);
}

void desk_end(struct desk *desk)
{
    if (desk->ledger.main != NULL)
        ledger_end(&desk->ledger);
}

void desk_write_now(const struct desk *desk, struct json_writer *json)
{
    json_writer_key(json, "now");
    row_json_time(json, desk->ledger.now_us);
}
