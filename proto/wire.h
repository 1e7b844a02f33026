/* wire: what protobuf-c does not look at.
 *
 * protobuf-c hands strings out as C strings: one that holds a NUL is silently cut, and UTF-8 is not checked at all. This
 * walks the wire bytes themselves, with the message's descriptor as the map, and looks at every occurrence of every
 * string field, nested messages included. And it counts fields: 64 KiB of unknown ones would become megabytes. */
#ifndef TASKLEDGER_PROTO_WIRE_H
#define TASKLEDGER_PROTO_WIRE_H

#include "proto/error.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

enum { WIRE_FIELDS_MAX = 1024 }; /* of one message; what is unknown counts too, since protobuf-c keeps it */

/* REJECTED: "undecodable" when the bytes are not protobuf or have too many fields, "invalid" when a string is not UTF-8
 * or holds a NUL. */
bool wire_check(struct slice message, const ProtobufCMessageDescriptor *descriptor, struct error *error);

/* One field of the outermost message, without a look at any other; false when it is not there, or the bytes are not
 * protobuf. */
bool wire_find_bytes(struct slice message, uint32_t number, struct slice *bytes);
bool wire_find_varint(struct slice message, uint32_t number, uint64_t *value);

#endif
