#include "proto/redis_url.h"

#include "proto/decimal.h"
#include "proto/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define PORT_DEFAULT          "6379"
#define PORT_SENTINEL_DEFAULT "26379"
#define NAME_CHARACTERS       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

static bool refuse(struct error *error, const char *expected)
{
    return error_set(error, ERROR_FATAL, "config", "cannot use the Redis URL (REDIS_URL): %s", expected);
}

static bool decode(struct slice text, char *decoded, size_t size, struct error *error)
{
    const char *expected = url_decode(text, decoded, size);

    return expected == NULL || refuse(error, expected);
}

static bool read_db(struct slice text, unsigned *db, struct error *error)
{
    uint64_t number;

    if (!decimal_read(text, REDIS_URL_DB_MAX, &number))
        return refuse(error, "the db must be a number from 0 to 1000000");
    *db = (unsigned)number;
    return true;
}

/* "[user]:password" */
static bool read_login(struct slice login, struct redis_url *url, struct error *error)
{
    struct slice user = url_take(&login, ':');

    if (login.size == 0)
        return refuse(error, "before the @ a password is expected, as in user:password@ or :password@");
    if (url_find(login, ':') != login.size)
        return refuse(error, "a colon in user or password must be written as %3A");

    return decode(user, url->user, sizeof url->user, error) &&
           decode(login, url->password, sizeof url->password, error);
}

/* "[user]:password@" off the front, if there is one. */
static bool take_login(struct slice *text, struct redis_url *url, struct error *error)
{
    size_t at = url_find(*text, '@');
    struct slice login = url_front(*text, at);

    if (at == text->size)
        return true;
    *text = url_behind(*text, at + 1);
    if (url_find(*text, '@') != text->size)
        return refuse(error, "an @ in user or password must be written as %40");
    return read_login(login, url, error);
}

/* ---- host and port ---- */

/* An address, and perhaps its scope: "fe80::1%eth0". */
static bool is_ipv6(const char *host)
{
    char address[REDIS_URL_HOST_MAX];
    struct in6_addr binary;
    size_t size = strcspn(host, "%");
    const char *scope = host + size;

    snprintf(address, sizeof address, "%.*s", (int)size, host);
    return inet_pton(AF_INET6, address, &binary) == 1 && scope[strspn(scope, "%" NAME_CHARACTERS)] == '\0';
}

static bool is_name(const char *host)
{
    return host[strspn(host, NAME_CHARACTERS)] == '\0';
}

/* "[address]" off the front. */
static bool take_bracketed_host(struct slice *text, struct redis_url_node *node, struct error *error)
{
    size_t end = url_find(*text, ']');

    if (end == text->size)
        return refuse(error, "the bracket before the IPv6 address is never closed");
    if (!decode(slice_of(text->data + 1, end - 1), node->host, sizeof node->host, error))
        return false;
    if (!is_ipv6(node->host))
        return refuse(error, "in brackets an IPv6 address is expected");
    *text = url_behind(*text, end + 1);
    return true;
}

/* A name or an IPv4 address off the front. */
static bool take_plain_host(struct slice *text, struct redis_url_node *node, struct error *error)
{
    size_t end = url_find(*text, ':');

    if (!decode(url_front(*text, end), node->host, sizeof node->host, error))
        return false;
    if (node->host[0] == '\0')
        return refuse(error, "a host is missing");
    if (!is_name(node->host))
        return refuse(error, "a host is made of letters, digits, dots, hyphens and underscores");
    *text = url_behind(*text, end);
    return true;
}

static bool read_port(struct slice text, struct redis_url_node *node)
{
    uint64_t port;

    if (!decimal_read(text, UINT16_MAX, &port) || port == 0)
        return false;
    snprintf(node->port, sizeof node->port, "%u", (unsigned)(uint16_t)port);
    return true;
}

/* host[:port] */
static bool read_node(struct slice text, const char *port_default, struct redis_url_node *node, struct error *error)
{
    bool bracketed = text.size > 0 && text.data[0] == '[';

    if (!(bracketed ? take_bracketed_host : take_plain_host)(&text, node, error))
        return false;
    if (text.size == 0) {
        snprintf(node->port, sizeof node->port, "%s", port_default);
        return true;
    }
    if (text.data[0] != ':' || !read_port(url_behind(text, 1), node))
        return refuse(error, "the port must be a number from 1 to 65535, and an IPv6 address must stand in brackets");
    return true;
}

bool redis_url_same_node(const struct redis_url_node *a, const struct redis_url_node *b)
{
    return strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

bool redis_url_read_node(struct slice host, struct slice port, struct redis_url_node *node, struct error *error)
{
    struct redis_url_node read = {.host = ""};
    bool fits = host.size > 0 && host.size < sizeof read.host;

    if (fits)
        memcpy(read.host, host.data, host.size);
    if (!fits || strlen(read.host) != host.size || !(is_name(read.host) || is_ipv6(read.host)) ||
        !read_port(port, &read))
        return error_set(error, ERROR_FATAL, "config", "cannot use what should be a host and a port");
    *node = read;
    return true;
}

/* ---- several of them ---- */

struct node_list {
    struct redis_url_node *nodes;
    size_t maximum;
    const char *too_many;
    const char *port_default;
};

/* host[:port][,host[:port]...] */
static bool read_nodes(struct slice text, const struct node_list *list, size_t *count, struct error *error)
{
    bool more = true;

    while (more) {
        more = url_find(text, ',') < text.size;
        if (*count == list->maximum)
            return refuse(error, list->too_many);
        if (!read_node(url_take(&text, ','), list->port_default, &list->nodes[*count], error))
            return false;
        ++*count;
    }
    return true;
}

/* ---- one server ---- */

/* host[:port][/db] */
static bool read_network(struct slice text, struct redis_url *url, struct error *error)
{
    if (url_find(text, '?') != text.size || url_find(text, '#') != text.size)
        return refuse(error, "nothing is expected behind the db, and ? and # elsewhere must be percent-encoded");

    struct slice host = url_take(&text, '/');
    if (url_find(text, '@') != text.size)
        return refuse(error, "/ and @ in user or password must be written as %2F and %40");
    return take_login(&host, url, error) && read_node(host, PORT_DEFAULT, &url->node, error) &&
           (text.size == 0 || read_db(text, &url->db, error));
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == '\x7f')
            return true;
    return false;
}

/* /path[?db=n] */
static bool read_unix(struct slice text, struct redis_url *url, struct error *error)
{
    size_t slash = url_find(text, '/');
    struct slice login = url_front(text, slash);
    struct slice path = url_behind(text, slash);

    if (!take_login(&login, url, error))
        return false;
    if (login.size != 0 || path.size < 2)
        return refuse(error, "after unix:// an absolute path is expected, as in unix:///run/redis.sock");
    if (url_find(path, '#') != path.size)
        return refuse(error, "a # in the path must be written as %23");

    size_t question = url_find(path, '?');
    struct slice query = url_behind(path, question);
    if (!decode(url_front(path, question), url->path, sizeof url->path, error))
        return false;
    if (has_control(url->path))
        return refuse(error, "control characters cannot be part of the path");
    if (query.size == 0)
        return true;
    if (!url_take_start(&query, "?db="))
        return refuse(error, "the only parameter of unix:// is ?db=number");
    return read_db(query, &url->db, error);
}

/* ---- sentinels ---- */

static bool read_sentinels(struct slice text, struct redis_url *url, struct error *error)
{
    const struct node_list list = {
        .nodes = url->sentinels,
        .maximum = REDIS_URL_SENTINELS_MAX,
        .too_many = "there are more than 8 sentinels",
        .port_default = PORT_SENTINEL_DEFAULT,
    };

    return read_nodes(text, &list, &url->sentinel_count, error);
}

/* service[/db] */
static bool read_service(struct slice text, struct redis_url *url, struct error *error)
{
    struct slice service = url_take(&text, '/');

    if (!decode(service, url->service, sizeof url->service, error))
        return false;
    if (url->service[0] == '\0' || !is_name(url->service))
        return refuse(error, "behind the sentinels the name of the master is expected, as in /mymaster or /mymaster/0");
    return text.size == 0 || read_db(text, &url->db, error);
}

static bool read_parameter(struct slice parameter, struct redis_url *url, struct error *error)
{
    struct slice name = url_take(&parameter, '=');

    if (slice_equal(name, slice_from_text("sentinel_username")))
        return decode(parameter, url->sentinel_user, sizeof url->sentinel_user, error);
    if (slice_equal(name, slice_from_text("sentinel_password")))
        return decode(parameter, url->sentinel_password, sizeof url->sentinel_password, error);
    return refuse(error, "the only parameters of redis+sentinel:// are sentinel_username and sentinel_password");
}

static bool read_parameters(struct slice text, struct redis_url *url, struct error *error)
{
    while (text.size > 0)
        if (!read_parameter(url_take(&text, '&'), url, error))
            return false;
    if (url->sentinel_user[0] != '\0' && url->sentinel_password[0] == '\0')
        return refuse(error, "sentinel_username goes with sentinel_password");
    return true;
}

/* hosts/service[/db][?parameters] */
static bool read_sentinel(struct slice text, struct redis_url *url, struct error *error)
{
    if (url_find(text, '#') != text.size)
        return refuse(error, "a # must be percent-encoded");

    struct slice place = url_take(&text, '?');
    struct slice hosts = url_take(&place, '/');
    if (url_find(place, '@') != place.size)
        return refuse(error, "/ and @ in user or password must be written as %2F and %40");
    return take_login(&hosts, url, error) && read_sentinels(hosts, url, error) && read_service(place, url, error) &&
           read_parameters(text, url, error);
}

/* ---- a cluster ---- */

/* hosts, and nothing else */
static bool read_cluster(struct slice text, struct redis_url *url, struct error *error)
{
    const struct node_list list = {
        .nodes = url->seeds,
        .maximum = REDIS_URL_SEEDS_MAX,
        .too_many = "there are more than 8 nodes of the cluster; it is enough to name some",
        .port_default = PORT_DEFAULT,
    };

    if (url_find(text, '/') != text.size || url_find(text, '?') != text.size || url_find(text, '#') != text.size)
        return refuse(error, "nothing is expected behind the nodes of a cluster, which has only the db 0; "
                             "/ and ? and # elsewhere must be percent-encoded");
    return take_login(&text, url, error) && read_nodes(text, &list, &url->seed_count, error);
}

/* ---- all of them ---- */

static const struct {
    const char *start;
    bool tls;
    bool (*read)(struct slice text, struct redis_url *url, struct error *error);
} schemes[] = {
    {"redis://", false, read_network},
    {"rediss://", true, read_network},
    {"unix://", false, read_unix},
    {"redis+sentinel://", false, read_sentinel},
    {"rediss+sentinel://", true, read_sentinel},
    {"redis+cluster://", false, read_cluster},
    {"rediss+cluster://", true, read_cluster},
};

static bool read_url(struct slice text, struct redis_url *url, struct error *error)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        url->tls = schemes[i].tls;
        if (url_take_start(&text, schemes[i].start))
            return schemes[i].read(text, url, error);
    }
    return refuse(error, "it must begin with redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://, "
                         "redis+cluster:// or rediss+cluster://");
}

bool redis_url_parse(const char *text, struct redis_url *url, struct error *error)
{
    struct redis_url parsed = {.db = 0};
    bool good = read_url(slice_from_text(text), &parsed, error);

    if (good)
        *url = parsed;
    explicit_bzero(&parsed, sizeof parsed);
    return good;
}

/* ---- what others need of it ---- */

struct redis_url_server redis_url_server(const struct redis_url *url, const struct redis_url_node *node)
{
    return (struct redis_url_server){
        .tls = url->tls,
        .node = url->sentinel_count > 0 || url->seed_count > 0 ? node : &url->node,
        .path = url->path,
        .user = url->user,
        .password = url->password,
        .db = url->db,
    };
}

struct redis_url_server redis_url_sentinel(const struct redis_url *url, size_t place)
{
    return (struct redis_url_server){
        .tls = url->tls,
        .node = &url->sentinels[place],
        .path = "",
        .user = url->sentinel_user,
        .password = url->sentinel_password,
    };
}
