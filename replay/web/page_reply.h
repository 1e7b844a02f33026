/* page_reply: the files of the live page (replay/web/page_files.h): GET / and /page/NAME.
 *
 * A browser keeps them, and asks each time whether they are still the same: 304 while they are. They hold no data, so
 * nobody has to sign in for them; what runs in them may come from here alone (Content-Security-Policy). */
#ifndef TASKLEDGER_REPLAY_WEB_PAGE_REPLY_H
#define TASKLEDGER_REPLAY_WEB_PAGE_REPLY_H

#include "replay/web/route.h"

/* struct route's `serve`. */
void page_reply_serve(const struct question *question);

#endif
