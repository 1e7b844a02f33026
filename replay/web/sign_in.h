/* sign_in: POST /login and /logout, for browsers: the token becomes a cookie, and the cookie goes.
 *
 *   token=...   application/x-www-form-urlencoded -> 303 to "/" with the cookie, or to "/?refused"
 *
 * Only forms of our own page are taken (Origin). The cookie is for us alone: HttpOnly, SameSite=Strict, and Secure when
 * the browser came by https. Wrong tokens are answered no faster than one in SIGN_IN_EVERY_S seconds to each client, a
 * few at once excepted: 429. */
#ifndef TASKLEDGER_REPLAY_WEB_SIGN_IN_H
#define TASKLEDGER_REPLAY_WEB_SIGN_IN_H

#include "replay/web/route.h"

enum { SIGN_IN_EVERY_S = 5, SIGN_IN_BURST = 5, SIGN_IN_DAYS = 30 };

/* struct route's `serve`. */
void sign_in_serve(const struct question *question);
void sign_in_serve_out(const struct question *question);

#endif
