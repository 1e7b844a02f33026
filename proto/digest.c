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
