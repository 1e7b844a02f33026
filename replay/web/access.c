#include "replay/web/access.h"

#include "consumer/http/listen.h"
#include "proto/digester.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char COOKIE[] = "taskledger_monitor=";
static const char BEARER[] = "Bearer ";
static const char SALT[] = "taskledger-monitor, the cookie of: ";
static const char BLANKS[] = " \t";

enum { HOST_BYTES_MAX = 255 };

/* ---- secrets ----------------------------------------------------------------------------------------------------- */

static bool hash(const char *salt, struct slice text, struct digest *digest)
{
    struct digester *digester = digester_new();

    if (digester == NULL)
        return false;
    digester_begin(digester);
    digester_add(digester, slice_from_text(salt));
    digester_add(digester, text);
    *digest = digester_so_far(digester);
    digester_free(digester);
    return true;
}

/* Digests are compared, so that how long it takes says nothing about the secret, its length included. */
static enum access_verdict compare(struct slice said, struct slice secret)
{
    struct digest ours;
    struct digest theirs;
    unsigned difference = 0;

    if (!hash("", secret, &ours) || !hash("", said, &theirs))
        return ACCESS_UNKNOWN;
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        difference |= (unsigned)(ours.bytes[i] ^ theirs.bytes[i]);
    return difference == 0 ? ACCESS_GRANTED : ACCESS_SIGN_IN;
}

bool access_is_token(const struct access_rules *rules, struct slice token)
{
    return rules->token != NULL && compare(token, slice_from_text(rules->token)) == ACCESS_GRANTED;
}

bool access_cookie(const struct access_rules *rules, char cookie[ACCESS_COOKIE_BYTES])
{
    char digits[DIGEST_HEX_BYTES];
    struct digest digest;

    if (!hash(SALT, slice_from_text(rules->token), &digest))
        return false;
    digest_format(&digest, digits);
    snprintf(cookie, ACCESS_COOKIE_BYTES, "%s%s", COOKIE, digits);
    return true;
}

/* ---- texts of a head --------------------------------------------------------------------------------------------- */

static struct slice behind(struct slice text, size_t bytes)
{
    return slice_of(text.data + bytes, text.size - bytes);
}

static bool begins(struct slice text, const char *words)
{
    size_t size = strlen(words);

    return text.size >= size && strncasecmp((const char *)text.data, words, size) == 0;
}

/* What stands before the first of these, and what comes after it. */
static struct slice cut(struct slice *rest, char separator)
{
    const uint8_t *found = rest->size == 0 ? NULL : memchr(rest->data, separator, rest->size);
    struct slice part = *rest;

    if (found == NULL) {
        *rest = slice_of(NULL, 0);
        return part;
    }
    part.size = (size_t)(found - part.data);
    *rest = behind(*rest, part.size + 1);
    return part;
}

static struct slice trim(struct slice text)
{
    while (text.size > 0 && strchr(BLANKS, text.data[0]) != NULL)
        text = behind(text, 1);
    while (text.size > 0 && strchr(BLANKS, text.data[text.size - 1]) != NULL)
        text.size--;
    return text;
}

/* ---- is it for us? ----------------------------------------------------------------------------------------------- */

/* "name:port" without the port, an IPv6 address without its brackets. Empty: it is none. */
static bool host_name(struct slice host, char name[HOST_BYTES_MAX + 1])
{
    struct slice part = host;

    if (host.size > 0 && host.data[0] == '[') {
        part = behind(host, 1);
        part = cut(&part, ']');
    } else {
        part = cut(&part, ':');
    }
    if (part.size == 0 || part.size > HOST_BYTES_MAX || memchr(part.data, '\0', part.size) != NULL)
        return false;
    memcpy(name, part.data, part.size);
    name[part.size] = '\0';
    return true;
}

/* Whoever asks for an address has not been led here by a name. */
static bool is_address(const char *name)
{
    uint8_t bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static bool is_named(const char *hosts, const char *name)
{
    struct slice rest = slice_from_text(hosts);

    while (rest.size > 0) {
        struct slice ours = trim(cut(&rest, ','));
        if (ours.size == strlen(name) && ours.size > 0 && strncasecmp((const char *)ours.data, name, ours.size) == 0)
            return true;
    }
    return false;
}

bool access_is_for_us(const struct access_rules *rules, const struct access_request *request)
{
    char name[HOST_BYTES_MAX + 1];

    if (!host_name(request->host, name))
        return false;
    return strcasecmp(name, "localhost") == 0 || is_address(name) || is_named(rules->hosts, name);
}

/* "http://name:port" of the page that the form was on; "null" is none of ours. */
bool access_is_from_us(const struct access_request *request)
{
    struct slice origin = request->origin;

    if (origin.size == 0)
        return true;
    if (begins(origin, "http://"))
        origin = behind(origin, strlen("http://"));
    else if (begins(origin, "https://"))
        origin = behind(origin, strlen("https://"));
    else
        return false;
    return origin.size == request->host.size &&
           strncasecmp((const char *)origin.data, (const char *)request->host.data, origin.size) == 0;
}

/* ---- who is it? -------------------------------------------------------------------------------------------------- */

/* 127.0.0.0/8, ::1. */
static bool is_loopback(const char *address)
{
    struct in_addr four;
    struct in6_addr six;

    if (inet_pton(AF_INET, address, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static enum access_verdict by_cookie(const struct access_rules *rules, struct slice cookies)
{
    char ours[ACCESS_COOKIE_BYTES];

    if (cookies.size == 0)
        return ACCESS_SIGN_IN;
    if (!access_cookie(rules, ours))
        return ACCESS_UNKNOWN;
    while (cookies.size > 0) {
        struct slice cookie = trim(cut(&cookies, ';'));
        if (begins(cookie, COOKIE))
            return compare(cookie, slice_from_text(ours));
    }
    return ACCESS_SIGN_IN;
}

/* Who the proxy on this machine says has signed in. */
static bool is_proxied(const struct access_rules *rules, const struct access_request *request)
{
    return rules->proxy_header != NULL && request->proxy_user.size > 0 && is_loopback(request->peer);
}

struct slice access_client(const struct access_rules *rules, const struct access_request *request,
                           enum access_group group, char client[ACCESS_CLIENT_BYTES_MAX])
{
    static const char *const groups[] = {
        [ACCESS_MAY_LOOK] = "looks, ", [ACCESS_MAY_NOT] = "may not, ", [ACCESS_SIGNS_IN] = "signs in, "};
    const char *as = groups[group];
    uint8_t six[sizeof(struct in6_addr)];
    int size;

    if (is_proxied(rules, request))
        size = snprintf(client, ACCESS_CLIENT_BYTES_MAX, "%suser %.*s", as, SLICE_PRINT(request->proxy_user));
    else if (inet_pton(AF_INET6, request->peer, six) == 1)
        size = snprintf(client, ACCESS_CLIENT_BYTES_MAX, "%snet %02x%02x%02x%02x%02x%02x%02x%02x", as, six[0], six[1],
                        six[2], six[3], six[4], six[5], six[6], six[7]);
    else
        size = snprintf(client, ACCESS_CLIENT_BYTES_MAX, "%saddress %s", as, request->peer);
    return slice_of(client, size < ACCESS_CLIENT_BYTES_MAX ? (size_t)size : ACCESS_CLIENT_BYTES_MAX - 1);
}

enum access_verdict access_of(const struct access_rules *rules, const struct access_request *request)
{
    if (rules->token == NULL && rules->proxy_header == NULL)
        return ACCESS_GRANTED;
    if (is_proxied(rules, request))
        return ACCESS_GRANTED;
    if (rules->token == NULL)
        return ACCESS_SIGN_IN;
    if (begins(request->authorization, BEARER))
        return compare(trim(behind(request->authorization, strlen(BEARER))), slice_from_text(rules->token));
    return by_cookie(rules, request->cookie);
}

/* ---- where we may listen ----------------------------------------------------------------------------------------- */

static bool check_token(const char *token, struct error *error)
{
    size_t length = strlen(token);

    if (length < ACCESS_TOKEN_BYTES_MIN || length > ACCESS_TOKEN_BYTES_MAX)
        return error_set(error, ERROR_FATAL, "config", "TASKLEDGER_MONITOR_TOKEN: expected %d to %d bytes, found %zu",
                         ACCESS_TOKEN_BYTES_MIN, ACCESS_TOKEN_BYTES_MAX, length);
    for (size_t i = 0; i < length; i++)
        if (token[i] <= ' ' || token[i] > '~')
            return error_set(error, ERROR_FATAL, "config",
                             "TASKLEDGER_MONITOR_TOKEN: expected printable ASCII without blanks");
    return true;
}

bool access_check(const struct access_rules *rules, const char *listen, struct error *error)
{
    struct listen where;

    if (rules->token != NULL && !check_token(rules->token, error))
        return false;
    if (!listen_parse(listen, &where, error))
        return false;
    if (rules->token != NULL || strcasecmp(where.host, "localhost") == 0 || is_loopback(where.host))
        return true;
    if (rules->proxy_header != NULL)
        return true;
    return error_set(error, ERROR_FATAL, "config",
                     "cannot listen at %s: everybody there could look; set TASKLEDGER_MONITOR_TOKEN, or let a proxy "
                     "sign people in and name its header by TASKLEDGER_MONITOR_PROXY_HEADER",
                     listen);
}
