#include "proto/digest.h"

void digest_format(const struct digest *digest, char text[DIGEST_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < DIGEST_BYTES; i++) {
        text[2 * i] = digits[digest->bytes[i] >> 4];
        text[2 * i + 1] = digits[digest->bytes[i] & 0x0f];
    }
    text[DIGEST_HEX_BYTES - 1] = '\0';
}

/* -1: not a digit. */
static int value_of(uint8_t digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool digest_parse(struct slice text, struct digest *digest)
{
    struct digest read;

    if (text.size != DIGEST_HEX_BYTES - 1)
        return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = value_of(text.data[2 * i]), low = value_of(text.data[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        read.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *digest = read;
    return true;
}
