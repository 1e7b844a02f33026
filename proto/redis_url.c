#include "proto/redis_url.h"

#include "proto/slice.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define PORT_DEFAULT    "6379"
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

static bool refuse(struct error *error, const char *expected)
{
    return error_set(error, ERROR_FATAL, "config", "cannot use the Redis URL (REDIS_URL): %s", expected);
}

static size_t find(struct slice text, char wanted)
{
    const uint8_t *found = text.size == 0 ? NULL : memchr(text.data, wanted, text.size);

    return found == NULL ? text.size : (size_t)(found - text.data);
}

static struct slice front(struct slice text, size_t size)
{
    return slice_of(text.data, size);
}

/* What lies behind the first `size` bytes. */
static struct slice behind(struct slice text, size_t size)
{
    return size >= text.size ? (struct slice){0} : slice_of(text.data + size, text.size - size);
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return -1;
}

/* Percent-decoding into a terminated text; what that text cannot hold is refused. */
static bool decode(struct slice text, char *decoded, size_t size, struct error *error)
{
    size_t used = 0;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];

        if (byte == '%') {
            int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return refuse(error, "two hexadecimal digits must follow a percent sign");
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (byte == '\0')
            return refuse(error, "a percent-encoded NUL cannot be part of it");
        if (used + 1 == size)
            return refuse(error, "a part of it is too long");
        decoded[used++] = (char)byte;
    }
    decoded[used] = '\0';
    return true;
}

/* Decimal digits only, at most `maximum`; false for anything else. */
static bool read_number(struct slice text, unsigned maximum, unsigned *number)
{
    unsigned value = 0;

    if (text.size == 0 || text.size > 9)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (text.data[i] - (unsigned)'0');
    }
    if (value > maximum)
        return false;
    *number = value;
    return true;
}

static bool read_db(struct slice text, unsigned *db, struct error *error)
{
    if (!read_number(text, REDIS_URL_DB_MAX, db))
        return refuse(error, "the db must be a number from 0 to 1000000");
    return true;
}

/* "[user]:password@" off the front, if there is one. */
static bool take_login(struct slice *text, struct redis_url *url, struct error *error)
{
    size_t at = find(*text, '@');
    struct slice login = front(*text, at);

    if (at == text->size)
        return true;
    *text = behind(*text, at + 1);
    if (find(*text, '@') != text->size)
        return refuse(error, "an @ in user or password must be written as %40");

    size_t colon = find(login, ':');
    struct slice password = behind(login, colon + 1);
    if (password.size == 0)
        return refuse(error, "before the @ a password is expected, as in user:password@ or :password@");
    if (find(password, ':') != password.size)
        return refuse(error, "a colon in user or password must be written as %3A");

    return decode(front(login, colon), url->user, sizeof url->user, error) &&
           decode(password, url->password, sizeof url->password, error);
}

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

/* "[address]" off the front. */
static bool take_bracketed_host(struct slice *text, struct redis_url *url, struct error *error)
{
    size_t end = find(*text, ']');

    if (end == text->size)
        return refuse(error, "the bracket before the IPv6 address is never closed");
    if (!decode(slice_of(text->data + 1, end - 1), url->host, sizeof url->host, error))
        return false;
    if (!is_ipv6(url->host))
        return refuse(error, "in brackets an IPv6 address is expected");
    *text = behind(*text, end + 1);
    return true;
}

/* A name or an IPv4 address off the front. */
static bool take_plain_host(struct slice *text, struct redis_url *url, struct error *error)
{
    size_t end = find(*text, ':');

    if (!decode(front(*text, end), url->host, sizeof url->host, error))
        return false;
    if (url->host[0] == '\0')
        return refuse(error, "a host is missing");
    if (url->host[strspn(url->host, NAME_CHARACTERS)] != '\0')
        return refuse(error, "a host is made of letters, digits, dots, hyphens and underscores");
    *text = behind(*text, end);
    return true;
}

static bool read_port(struct slice text, struct redis_url *url, struct error *error)
{
    unsigned port;

    if (text.size == 0) {
        memcpy(url->port, PORT_DEFAULT, sizeof PORT_DEFAULT);
        return true;
    }
    if (text.data[0] != ':' || !read_number(behind(text, 1), 65535, &port) || port == 0)
        return refuse(error, "the port must be a number from 1 to 65535, and an IPv6 address must stand in brackets");
    snprintf(url->port, sizeof url->port, "%u", port & 0xffff);
    return true;
}

/* host[:port][/db] */
static bool read_network(struct slice text, struct redis_url *url, struct error *error)
{
    size_t slash = find(text, '/');
    struct slice host = front(text, slash);
    struct slice db = behind(text, slash + 1);

    if (find(text, '?') != text.size || find(text, '#') != text.size)
        return refuse(error, "nothing is expected behind the db, and ? and # elsewhere must be percent-encoded");
    if (find(db, '@') != db.size)
        return refuse(error, "/ and @ in user or password must be written as %2F and %40");
    if (!take_login(&host, url, error))
        return false;

    bool bracketed = host.size > 0 && host.data[0] == '[';
    if (!(bracketed ? take_bracketed_host : take_plain_host)(&host, url, error) || !read_port(host, url, error))
        return false;
    return db.size == 0 || read_db(db, &url->db, error);
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
    size_t slash = find(text, '/');
    struct slice login = front(text, slash);
    struct slice path = behind(text, slash);

    if (!take_login(&login, url, error))
        return false;
    if (login.size != 0 || path.size < 2)
        return refuse(error, "after unix:// an absolute path is expected, as in unix:///run/redis.sock");
    if (find(path, '#') != path.size)
        return refuse(error, "a # in the path must be written as %23");

    size_t question = find(path, '?');
    struct slice query = behind(path, question);
    if (!decode(front(path, question), url->path, sizeof url->path, error))
        return false;
    if (has_control(url->path))
        return refuse(error, "control characters cannot be part of the path");
    if (query.size == 0)
        return true;
    if (query.size < 4 || memcmp(query.data, "?db=", 4) != 0)
        return refuse(error, "the only parameter of unix:// is ?db=number");
    return read_db(behind(query, 4), &url->db, error);
}

static bool take_scheme(struct slice *text, const char *scheme)
{
    size_t size = strlen(scheme);

    if (text->size < size || memcmp(text->data, scheme, size) != 0)
        return false;
    *text = behind(*text, size);
    return true;
}

bool redis_url_parse(const char *text, struct redis_url *url, struct error *error)
{
    struct redis_url parsed = {.db = 0};
    struct slice rest = slice_from_text(text);
    bool good;

    if (take_scheme(&rest, "redis://")) {
        good = read_network(rest, &parsed, error);
    } else if (take_scheme(&rest, "rediss://")) {
        parsed.tls = true;
        good = read_network(rest, &parsed, error);
    } else if (take_scheme(&rest, "unix://")) {
        good = read_unix(rest, &parsed, error);
    } else {
        good = refuse(error, "it must begin with redis://, rediss:// or unix://");
    }

    if (good)
        *url = parsed;
    explicit_bzero(&parsed, sizeof parsed);
    return good;
}

void redis_url_describe(const struct redis_url *url, char place[REDIS_URL_PLACE_MAX])
{
    char db[16] = "";

    if (url->db != 0)
        snprintf(db, sizeof db, url->host[0] == '\0' ? "?db=%u" : "/%u", url->db);

    if (url->host[0] == '\0') {
        snprintf(place, REDIS_URL_PLACE_MAX, "unix://%s%s", url->path, db);
        return;
    }
    bool brackets = strchr(url->host, ':') != NULL;
    snprintf(place, REDIS_URL_PLACE_MAX, "%s://%s%s%s:%s%s", url->tls ? "rediss" : "redis", brackets ? "[" : "",
             url->host, brackets ? "]" : "", url->port, db);
}
