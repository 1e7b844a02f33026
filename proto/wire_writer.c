#include "proto/wire_writer.h"

#include "proto/wire.h"

#include <endian.h>

static void put_varint(struct wire_writer *writer, uint64_t number)
{
    uint64_t rest = number;
    uint8_t *at;

    do {
        writer->at--;
        rest >>= 7;
    } while (rest > 0);
    for (at = writer->at; number >= 0x80; number >>= 7)
        *at++ = (uint8_t)(number | 0x80);
    *at = (uint8_t)number;
}

static void put_tag(struct wire_writer *writer, unsigned field, enum wire_type type)
{
    put_varint(writer, field << 3 | type);
}

void wire_writer_text(struct wire_writer *writer, unsigned field, struct slice text)
{
    if (text.size == 0)
        return;
    writer->at -= text.size;
    memcpy(writer->at, text.data, text.size);
    put_varint(writer, text.size);
    put_tag(writer, field, WIRE_LENGTH);
}

void wire_writer_number(struct wire_writer *writer, unsigned field, uint64_t number)
{
    if (number == 0)
        return;
    put_varint(writer, number);
    put_tag(writer, field, WIRE_VARINT);
}

void wire_writer_double(struct wire_writer *writer, unsigned field, double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    bits = htole64(bits);
    writer->at -= sizeof bits;
    memcpy(writer->at, &bits, sizeof bits);
    put_tag(writer, field, WIRE_64_BIT);
}

void wire_writer_enclose(struct wire_writer *writer, unsigned field, const uint8_t *end)
{
    put_varint(writer, (uint64_t)(end - writer->at));
    put_tag(writer, field, WIRE_LENGTH);
}
