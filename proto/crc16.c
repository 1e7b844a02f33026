#include "proto/crc16.h"

/* Half-byte steps need sixteen words only; keys are short. */
static const uint16_t nibbles[16] = {
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
    0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
};

static uint16_t step(uint16_t crc, unsigned nibble)
{
    return (uint16_t)((unsigned)crc << 4 ^ nibbles[(unsigned)crc >> 12 ^ nibble]);
}

uint16_t crc16(struct slice bytes)
{
    uint16_t crc = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        crc = step(crc, bytes.data[i] >> 4);
        crc = step(crc, bytes.data[i] & 0x0f);
    }
    return crc;
}
