/* wire_writer: a protobuf message, written from its end to its beginning.
 *
 * Before whatever is enclosed stands how long it is: who writes backwards knows that when he gets there, so nothing is
 * counted first and nothing moved afterwards. Put the fields in the order of falling numbers, and what is enclosed
 * before what encloses it. What is empty or 0 is left out, as proto3 has it, so the bytes are those that protobuf-c
 * makes.
 *
 * Nothing is checked: whoever gives the memory has counted, with WIRE_FIELD_BYTES_MAX a field and its text on top. */
#ifndef TASKLEDGER_PROTO_WIRE_WRITER_H
#define TASKLEDGER_PROTO_WIRE_WRITER_H

#include "proto/slice.h"

#include <stddef.h>
#include <stdint.h>

enum { WIRE_FIELD_BYTES_MAX = 12 }; /* its tag, up to number 2047, and a number of 64 bits */

struct wire_writer {
    uint8_t *at; /* borrowed memory: what is written lies from here ... */
    const uint8_t *end;
};

static inline struct wire_writer wire_writer_in(uint8_t *memory, size_t size)
{
    return (struct wire_writer){.at = memory + size, .end = memory + size};
}

static inline struct slice wire_writer_slice(const struct wire_writer *writer)
{
    return slice_of(writer->at, (size_t)(writer->end - writer->at));
}

/* A string, or bytes. */
void wire_writer_text(struct wire_writer *writer, unsigned field, struct slice text);

/* Any kind of integer but the zigzag ones; a bool, an enum. */
void wire_writer_number(struct wire_writer *writer, unsigned field, uint64_t number);

/* Put when it is 0, too. */
void wire_writer_double(struct wire_writer *writer, unsigned field, double number);

/* What was written since `at` was `end` becomes a message in this field; put when it is empty, too. */
void wire_writer_enclose(struct wire_writer *writer, unsigned field, const uint8_t *end);

#endif
