/* redis_link: commands and their answers over one connection to one server.
 *
 * It carries what proto/redis.h promises, and does not care which server that is: the line of proto/redis.c uses one
 * and the same link to ask a sentinel and then to talk to the master it was told, so that there is never more than one
 * descriptor to abandon.
 *
 * A link that fails in any way but by an error answer is closed at once. Errors are those of proto/redis.h, and do not
 * say whose they are. */
#ifndef TASKLEDGER_PROTO_REDIS_LINK_H
#define TASKLEDGER_PROTO_REDIS_LINK_H

#include "proto/arena.h"
#include "proto/error.h"
#include "proto/redis.h"
#include "proto/redis_output.h"
#include "proto/redis_settings.h"
#include "proto/redis_url.h"
#include "proto/slice.h"
#include "proto/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redis_parser;

enum { REDIS_LINK_INPUT_BYTES = 64 * 1024 };

struct redis_link {
    const struct redis_settings *settings; /* borrowed */
    struct transport transport;
    struct redis_parser *parser; /* NULL: closed */
    struct redis_output output;
    size_t outstanding;
    int64_t limit_us;   /* when every wait ends, whatever it is for; INT64_MAX: as the settings have it */
    struct slice input; /* received, not yet given to the parser; in `received` */
    uint8_t received[REDIS_LINK_INPUT_BYTES];
};

void redis_link_init(struct redis_link *link, const struct redis_settings *settings);
void redis_link_free(struct redis_link *link);

/* From now on until it is closed no wait lasts longer than until `limit_us` on the clock of the settings. */
void redis_link_limit(struct redis_link *link, int64_t limit_us);

/* Connect until `connect_by_us`, verify, log in. The password of the server is borrowed until it is closed. */
bool redis_link_open(struct redis_link *link, const struct redis_url_server *server, int64_t connect_by_us,
                     struct error *error);

void redis_link_close(struct redis_link *link);
bool redis_link_is_open(const struct redis_link *link);

/* As redis_abandon. */
void redis_link_abandon(struct redis_link *link);

/* As the functions of proto/redis.h that end so, on an open link. */
bool redis_link_append(struct redis_link *link, const struct slice *words, size_t count, struct error *error);
bool redis_link_append_bytes(struct redis_link *link, struct slice command, struct error *error); /* as over the wire */
bool redis_link_send(struct redis_link *link, struct error *error);
bool redis_link_receive(struct redis_link *link, struct arena *arena, int extra_wait_ms, struct reply *reply,
                        struct error *error);
bool redis_link_receive_part(struct redis_link *link, const struct redis_visitor *visitor, size_t part_bytes,
                             int extra_wait_ms, bool *complete, struct error *error);
bool redis_link_has_input(const struct redis_link *link);
bool redis_link_has_buffered(const struct redis_link *link);
int redis_link_descriptor(const struct redis_link *link);
bool redis_link_call(struct redis_link *link, const struct slice *words, size_t count, struct arena *arena,
                     struct reply *reply, struct error *error);

/* On an open link, behind a call that failed: the error answer as it came (proto/redis_parser.h). */
struct slice redis_link_refusal(const struct redis_link *link);

#endif
