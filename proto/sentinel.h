/* sentinel: who is the master now?
 *
 * The sentinels of the URL are asked in turn, each within half of the time that is left, so that there is always some
 * for the next one, and at last for the connection to the master. The one whose answer led to a master is asked first
 * the next time; one that led astray (cut off together with a master that is none any more, say) is asked last; and
 * after a vain round another one begins. What a sentinel says is believed only after the server has said so itself, see
 * sentinel_check_master. */
#ifndef TASKLEDGER_PROTO_SENTINEL_H
#define TASKLEDGER_PROTO_SENTINEL_H

#include "proto/error.h"
#include "proto/redis_link.h"
#include "proto/redis_settings.h"
#include "proto/redis_url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sentinel {
    const struct redis_settings *settings; /* borrowed */
    size_t first;                          /* whom to ask first */
    size_t answered;                       /* who named the master below */
    struct redis_url_node master;          /* empty before the first answer */
};

void sentinel_init(struct sentinel *sentinel, const struct redis_settings *settings);

/* Over a closed link, which is closed again at the end. When none of them names a master the error tells what each
 * said; it is FATAL when it is for all of them: "service", they do not know it; others as of proto/redis.h. Else
 * TRANSIENT. */
bool sentinel_find_master(struct sentinel *sentinel, struct redis_link *link, int64_t until_us, struct error *error);

/* Over an open link: TRANSIENT, "notmaster", when the server says that it is none. One that does not let us ask (ROLE)
 * is taken for one: its answer to the first write will tell. */
bool sentinel_check_master(struct redis_link *link, struct error *error);

/* What became of the connection to the master that was found. */
void sentinel_note(struct sentinel *sentinel, bool led_to_master);

#endif
