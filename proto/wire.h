/* wire: the fields of a message of protobuf, one after the other.
 *
 * What they mean, and what is inside of them, is for the caller to know (proto/event_decode.c). Nothing is copied, and
 * no memory is asked for. */
#ifndef TASKLEDGER_PROTO_WIRE_H
#define TASKLEDGER_PROTO_WIRE_H

#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum wire_type { WIRE_VARINT = 0, WIRE_64_BIT = 1, WIRE_LENGTH = 2, WIRE_32_BIT = 5 };

struct wire_field {
    uint32_t number;
    enum wire_type type;
    uint64_t value;       /* of a varint */
    struct slice content; /* of all others; borrowed from the message */
};

/* Take a field off the front of a message that is not empty. False: the bytes are not protobuf. */
bool wire_take(struct slice *message, struct wire_field *field);

/* One field of the outermost message, without a look at any other; of several the last counts. False when it is not
 * there, or the bytes are not protobuf. */
bool wire_find_bytes(struct slice message, uint32_t number, struct slice *bytes);
bool wire_find_varint(struct slice message, uint32_t number, uint64_t *value);

#endif
