/* access: who may look, and from where. Pure: no socket, no clock.
 *
 * Three questions, asked in this order of each request:
 *
 *   is it for us?    The name in Host is localhost, an address, or one that the operator named. A page elsewhere whose
 *                    own name was pointed at this machine (DNS rebinding) asks with that name, and is refused 421
 *   who is it?       With a token: "Authorization: Bearer TOKEN", or the cookie that signing in gave. Behind a proxy
 *                    that signs people in: the header that the proxy sets, believed only of a peer on this machine.
 *                    With neither, everybody who can connect: then only loopback is listened at
 *   from elsewhere?  A form is taken only from our own page: Origin, if there, names the same host as Host
 *
 * Comparing takes as long for a wrong token as for a right one. The cookie is a digest of the token, so that it is of no
 * use to programs and is void once the token changes. */
#ifndef TASKLEDGER_REPLAY_WEB_ACCESS_H
#define TASKLEDGER_REPLAY_WEB_ACCESS_H

#include "proto/digest.h"
#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>

enum {
    ACCESS_TOKEN_BYTES_MIN = 16,
    ACCESS_TOKEN_BYTES_MAX = 512,
    ACCESS_COOKIE_BYTES = sizeof "taskledger_monitor=" - 1 + DIGEST_HEX_BYTES,
};

struct access_rules {
    const char *token;        /* NULL: none */
    const char *proxy_header; /* in which a proxy names who signed in; NULL: no proxy does */
    const char *hosts;        /* names that are ours besides, by commas: "ledger.example.org"; NULL: none */
};

/* What a request says; empty: nothing. */
struct access_request {
    struct slice host;
    struct slice origin;
    struct slice authorization;
    struct slice cookie;
    struct slice proxy_user; /* the value of proxy_header */
    const char *peer;        /* as server_peer writes it */
};

/* May we listen there (as consumer/http/listen.h reads it) under these rules? Elsewhere than on loopback only if someone
 * says who looks. Also the token's length and characters. FATAL, "config". */
bool access_check(const struct access_rules *rules, const char *listen, struct error *error);

bool access_is_for_us(const struct access_rules *rules, const struct access_request *request);

enum access_verdict { ACCESS_GRANTED, ACCESS_SIGN_IN, ACCESS_UNKNOWN /* memory */ };

enum access_verdict access_of(const struct access_rules *rules, const struct access_request *request);

enum { ACCESS_CLIENT_BYTES_MAX = 256 };

/* What is counted apart: behind a proxy all are of one address, and who may not look must not use up what others may. */
enum access_group { ACCESS_MAY_LOOK, ACCESS_MAY_NOT, ACCESS_SIGNS_IN };

/* Whose requests are counted together: of one group, and who the proxy says has signed in, else the address; of IPv6 its
 * first 64 bits, which one client has to himself. A name for that, in `client`. */
struct slice access_client(const struct access_rules *rules, const struct access_request *request,
                           enum access_group group, char client[ACCESS_CLIENT_BYTES_MAX]);

/* Does a form come from our own page? */
bool access_is_from_us(const struct access_request *request);

/* Is it the token? False without one, and when memory is short. */
bool access_is_token(const struct access_rules *rules, struct slice token);

/* "taskledger_monitor=...": what the cookie of who signed in is. False when memory is short. */
bool access_cookie(const struct access_rules *rules, char cookie[ACCESS_COOKIE_BYTES]);

#endif
