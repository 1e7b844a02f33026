#include "replay/web/routes.h"

#include "replay/web/bookmark.h"
#include "replay/web/events_api.h"
#include "replay/web/feed/feed_filter.h"
#include "replay/web/history_api.h"
#include "replay/web/list.h"
#include "replay/web/losses_api.h"
#include "replay/web/page_reply.h"
#include "replay/web/producers_api.h"
#include "replay/web/rejected_api.h"
#include "replay/web/sign_in.h"
#include "replay/web/stats_api.h"
#include "replay/web/stuck_api.h"
#include "replay/web/task_api.h"
#include "replay/web/tasks_api.h"
#include "replay/web/vitals.h"

/* A place in a stream of many shards is as long as the connection's memory lets it be. */
enum { PLACE_BYTES_MAX = 64 * 1024 };

#define PARAMETERS(table) .parameters = (table), .parameter_count = sizeof(table) / sizeof *(table)

enum {
    TASKS_OTHERWISE = 100,
    ROWS_OTHERWISE = 200,
    EVENTS_OTHERWISE = 1000,
    NAME_BYTES_MAX = 1024,
    OLDER_S_OTHERWISE = 300,
    OLDER_S_MAX = 10 * 365 * 24 * 3600,
};

/* clang-format off */
/* Name, type, the least and the most of it (of texts: bytes), and what holds when it is not given. */
static const struct route_parameter of_events[] = {
    {"task", ROUTE_TEXTS, 1, EVENT_TASK_ID_BYTES_MAX, 0},
    {"name", ROUTE_TEXTS, 1, FEED_FILTER_VALUE_BYTES_MAX, 0},
    {"status", ROUTE_STATUSES, 0, 0, 0},
    {"last_event_id", ROUTE_TEXT, 0, PLACE_BYTES_MAX, 0},
};

#define CURSOR {"cursor", ROUTE_TEXT, 1, BOOKMARK_TEXT_BYTES_MAX, 0}

static const struct route_parameter of_tasks[] = {
    {"status", ROUTE_STATUSES, 0, 0, 0},
    {"name", ROUTE_TEXT, 1, NAME_BYTES_MAX, 0},
    {"since", ROUTE_TIME, 0, 0, INT64_MIN},
    CURSOR,
    {"limit", ROUTE_INTEGER, 1, LIST_ROWS_MAX, TASKS_OTHERWISE},
};

static const struct route_parameter of_history[] = {
    {"raw", ROUTE_FLAG, 0, 0, 0},
    CURSOR,
    {"limit", ROUTE_INTEGER, 1, HISTORY_API_EVENTS_MAX, EVENTS_OTHERWISE},
};

static const struct route_parameter of_stuck[] = {
    {"older_s", ROUTE_INTEGER, 1, OLDER_S_MAX, OLDER_S_OTHERWISE},
    CURSOR,
    {"limit", ROUTE_INTEGER, 1, LIST_ROWS_MAX, ROWS_OTHERWISE},
};

static const struct route_parameter of_what_may_be_open[] = {
    {"open", ROUTE_FLAG, 0, 0, 0},
    CURSOR,
    {"limit", ROUTE_INTEGER, 1, LIST_ROWS_MAX, ROWS_OTHERWISE},
};

static const struct route_parameter of_rows[] = {
    CURSOR,
    {"limit", ROUTE_INTEGER, 1, LIST_ROWS_MAX, ROWS_OTHERWISE},
};

const struct route routes[] = {
    {.method = "GET", .pattern = "/api/tasks", .tell = tasks_api_tell, .is_late = true, PARAMETERS(of_tasks)},
    {.method = "GET", .pattern = "/api/tasks/{id}", .tell = task_api_tell},
    {.method = "GET", .pattern = "/api/tasks/{id}/history", .tell = history_api_tell, PARAMETERS(of_history)},
    {.method = "GET", .pattern = "/api/stuck", .tell = stuck_api_tell, PARAMETERS(of_stuck)},
    {.method = "GET", .pattern = "/api/rejected", .tell = rejected_api_tell, PARAMETERS(of_what_may_be_open)},
    {.method = "GET", .pattern = "/api/losses", .tell = losses_api_tell, PARAMETERS(of_what_may_be_open)},
    {.method = "GET", .pattern = "/api/producers", .tell = producers_api_tell, PARAMETERS(of_rows)},
    {.method = "GET", .pattern = "/api/events", PARAMETERS(of_events), .serve = events_api_serve},
    {.method = "GET", .pattern = "/api/stats", .tell = stats_api_tell, .is_late = true},
    {.method = "GET", .pattern = "/api/openapi.json", .serve = page_reply_serve},

    {.method = "GET", .pattern = "/", .is_open = true, .serve = page_reply_serve},
    {.method = "GET", .pattern = "/page/{file}", .is_open = true, .serve = page_reply_serve},
    {.method = "POST", .pattern = "/login", .is_open = true, .is_counted = true, .serve = sign_in_serve},
    {.method = "POST", .pattern = "/logout", .is_open = true, .is_counted = true, .serve = sign_in_serve_out},

    {.method = "GET", .pattern = "/livez", .is_open = true, .serve = vitals_serve_livez},
    {.method = "GET", .pattern = "/readyz", .is_open = true, .serve = vitals_serve_readyz},
    {.method = "GET", .pattern = "/metrics", .serve = vitals_serve_metrics},
};
/* clang-format on */

const size_t routes_count = sizeof routes / sizeof *routes;
