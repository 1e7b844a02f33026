/* What every request goes through, before and behind its handler. */
#include "replay/web/monitor_inside.h"

#include "replay/web/desk.h"
#include "replay/web/reply.h"
#include "replay/web/routes.h"

#include <stdlib.h>
#include <string.h>

/* ---- in a worker ------------------------------------------------------------------------------------------------- */

static bool tell(const struct question *question, struct desk *desk, struct json_writer *json, struct error *error)
{
    json_writer_object_begin(json);
    if (!question->route->is_late) {
        if (!desk_begin(desk, error))
            return false;
        desk_write_now(desk, json);
    }
    if (!question->route->tell(question, desk, json, error))
        return false;
    json_writer_object_end(json);
    return true;
}

static void do_it(void *self, void *its_desk)
{
    struct question *question = self;
    struct desk *desk = its_desk;
    struct json_writer json = {.text = NULL};
    struct error error;

    if (tell(question, desk, &json, &error))
        reply_json(question->exchange, &json);
    else
        reply_failure(question->exchange, &error);
    desk_end(desk);
    json_writer_close(&json);
    free(question);
}

static void give_up(void *self)
{
    struct question *question = self;

    reply_error(question->exchange, REPLY_UNAVAILABLE, "too much is asked at the moment");
    free(question);
}

/* ---- in the server's thread -------------------------------------------------------------------------------------- */

static struct slice header(const struct server_exchange *exchange, const char *name)
{
    struct slice value = {.size = 0};

    if (name != NULL)
        server_header(exchange, name, &value);
    return value;
}

static struct access_request read_head(const struct monitor *monitor, const struct server_exchange *exchange,
                                       char peer[SERVER_PEER_BYTES_MAX])
{
    server_peer(exchange, peer);
    return (struct access_request){
        .host = header(exchange, "Host"),
        .origin = header(exchange, "Origin"),
        .authorization = header(exchange, "Authorization"),
        .cookie = header(exchange, "Cookie"),
        .proxy_user = header(exchange, monitor->rules.proxy_header),
        .peer = peer,
    };
}

/* The question is ours until it is answered, or taken by a worker. */
static void ask(struct question *question, const struct route *route, struct slice part)
{
    struct error error;

    question->route = route;
    if (!route_read(question, part, &error)) {
        reply_failure(question->exchange, &error);
        free(question);
    } else if (route->serve != NULL) {
        route->serve(question);
        free(question);
    } else if (!workers_take(question->monitor->workers, (struct work){do_it, give_up, question})) {
        give_up(question);
    }
}

static void go(const struct question *asked, const struct route_found *found)
{
    struct question *question = malloc(sizeof *question);

    if (question == NULL) {
        reply_error(asked->exchange, REPLY_UNAVAILABLE, "memory is short");
        return;
    }
    *question = *asked;
    ask(question, found->route, found->part);
}

/* Counts it, unless it is one too many; then the seconds until there may be another. What is open costs nothing, and
 * who watches over us must not be turned away. */
static int wait_s(struct monitor *monitor, const struct question *asked, const struct route *route, bool may_look)
{
    bool is_open = route != NULL && route->is_open;
    enum access_group group = is_open ? ACCESS_SIGNS_IN : may_look ? ACCESS_MAY_LOOK : ACCESS_MAY_NOT;
    char client[ACCESS_CLIENT_BYTES_MAX];

    if (is_open && !route->is_counted)
        return 0;
    struct slice name = access_client(&monitor->rules, asked->request, group, client);
    int seconds = limiter_wait_s(monitor->requests, name, asked->asked_us);
    if (seconds == 0)
        limiter_count(monitor->requests, name, asked->asked_us);
    return seconds;
}

/* Who may not look is not told either which addresses there are. */
static void answer(struct monitor *monitor, const struct question *asked)
{
    struct server_exchange *exchange = asked->exchange;
    struct route_found found = route_find(routes, routes_count, server_method(exchange), server_path(exchange));
    bool is_open = found.route != NULL && found.route->is_open;
    bool may_look = !is_open && access_of(&monitor->rules, asked->request) == ACCESS_GRANTED;
    int seconds = wait_s(monitor, asked, found.route, may_look);

    if (seconds > 0)
        reply_later(exchange, REPLY_TOO_MANY, "too many requests; wait a little", seconds);
    else if (!is_open && !may_look)
        reply_error(exchange, REPLY_UNAUTHORIZED, "sign in, or send the token");
    else if (found.route == NULL)
        reply_error(exchange, REPLY_NOT_FOUND, "there is nothing at this address");
    else if (!found.has_method)
        reply_method(exchange, found.route->method);
    else
        go(asked, &found);
}

void monitor_serve(void *self, struct server_exchange *exchange)
{
    struct monitor *monitor = self;
    char peer[SERVER_PEER_BYTES_MAX];
    const struct access_request request = read_head(monitor, exchange, peer);
    const struct question asked = {
        .monitor = monitor,
        .exchange = exchange,
        .request = &request,
        .asked_us = monitor->clock->monotonic_us(monitor->clock->self),
    };

    if (access_is_for_us(&monitor->rules, &request))
        answer(monitor, &asked);
    else
        reply_error(exchange, REPLY_MISDIRECTED, "not a name of this server; TASKLEDGER_MONITOR_HOSTS has them");
}
